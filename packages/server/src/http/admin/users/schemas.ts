import {
  sample,
  access,
  archivedAt,
  count,
  direction,
  flag,
  name,
  networks,
  note,
  notes,
  object,
  objectWith,
  page,
  patchOf,
  search,
  shortname,
  standing,
  text,
  texts,
  time,
  timeOrNull,
} from "../http/schema.ts";

export const ApiUser = object({
  id: count,
  username: {
    ...sample(text, "api-1-shop"),
    description: "api-<account id>-<name>; the claim username of an assertion",
  },
  name: sample(text, "shop"),
  account: { ...sample(text, "acme"), description: "The account's shortname" },
  access,
  status: standing,
  active_keys: { ...count, description: "Number of active public keys, including expired ones" },
  keys: { ...count, description: "Number of public keys" },
  last_used_at: { ...timeOrNull, description: "The latest use of any of its keys; updated every few seconds" },
  tokens_today: { ...count, description: "Tokens issued since midnight UTC" },
  created_at: time,
  may_rotate: { ...flag, description: "May it send in its next key itself?" },
  networks: { ...sample(texts, []), description: "CIDRs from which its keys can be used; empty: from anywhere" },
  display_name: { ...note, description: "Its name for people; the username stays what the client signs" },
  ...notes,
  archived_at: archivedAt,
});

export const UsersQuery = objectWith([], {
  q: {
    ...search,
    description:
      "Any part of a username, a display name, an account's shortname or name, or a key's label, in either case; or the beginning of a key's fingerprint or thumbprint, 4 characters at least, in their case",
  },
  name_prefix: { ...search, description: "The beginning of the name. The list is by name then" },
  account: shortname,
  status: standing,
  access,
  archived: { ...flag, description: "true: those that are archived, instead of the others" },
  order: {
    enum: ["newest", "name"],
    description: "Default: newest. With name_prefix, the list is by name in any case",
  },
  direction: {
    ...direction,
    description: "Default: descending for newest, which ascending turns into the oldest first; ascending for name",
  },
  ...page,
});

export const NewUser = objectWith(["account", "name", "access"], {
  account: sample(name, "acme"),
  name,
  access,
  may_rotate: { ...flag, description: "Default: false" },
  networks,
  display_name: note,
  ...notes,
});

export const UserPatch = sample(
  patchOf(ApiUser, {
    status: standing,
    access: { ...access, description: "Holds for its live tokens too" },
    may_rotate: flag,
    networks,
    display_name: note,
    ...notes,
    archived: {
      ...flag,
      description: "true: out of the lists, and deactivated; false: back in the lists, and still deactivated",
    },
  }),
  { status: "deactivated" },
);

export const UsernameParam = object({ username: sample(text, "api-1-shop") });
