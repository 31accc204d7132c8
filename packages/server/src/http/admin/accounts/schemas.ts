import {
  sample,
  archivedAt,
  count,
  countOrNull,
  direction,
  flag,
  name,
  notes,
  object,
  objectWith,
  page,
  patchOf,
  search,
  standing,
  text,
  time,
} from "../http/schema.ts";

export const Account = object({
  id: count,
  shortname: sample(text, "acme"),
  name: sample(text, "Acme"),
  status: standing,
  users: { ...count, description: "Number of API users in the account" },
  created_at: time,
  key_age_max_seconds: { ...countOrNull, description: "The maximum age of its keys; null: the service's" },
  ...notes,
  archived_at: archivedAt,
});

export const AccountsQuery = objectWith([], {
  q: search,
  status: standing,
  archived: { ...flag, description: "true: those that are archived, instead of the others" },
  order: { enum: ["created", "shortname"], description: "Default: created" },
  direction: { ...direction, description: "Default: ascending; by creation, that is the oldest first" },
  ...page,
});

export const NewAccount = objectWith(["shortname"], {
  shortname: sample(name, "acme"),
  name: sample(name, "Acme"),
  ...notes,
});

export const AccountPatch = sample(
  patchOf(Account, {
    status: standing,
    name,
    key_age_max_seconds: {
      type: ["integer", "null"],
      description: "From an hour to 7300 days; null: the service's",
    },
    ...notes,
    archived: {
      ...flag,
      description: "true: out of the lists, and deactivated; false: back in the lists, and still deactivated",
    },
  }),
  { status: "deactivated" },
);

export const ShortnameParam = object({ shortname: sample(text, "acme") });
