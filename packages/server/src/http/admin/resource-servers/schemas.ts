import {
  sample,
  name,
  object,
  objectWith,
  page,
  patchOf,
  search,
  standing,
  text,
  textOrNull,
  time,
  timeOrNull,
} from "../http/schema.ts";

const resourceServer = {
  client_id: sample(text, "rs-1"),
  name: sample(text, "orders"),
  status: standing,
  created_at: time,
  previous_secret_ends_at: timeOrNull,
} as const;

export const ResourceServer = object(resourceServer);

export const ResourceServerWithSecret = object({
  ...resourceServer,
  client_secret: {
    ...sample(textOrNull, "csrs_…"),
    description: "Shown only in this response; null if the request repeats an earlier creation",
  },
});

export const ResourceServersQuery = objectWith([], { q: search, status: standing, ...page });

export const NewResourceServer = object({ name: sample(name, "orders") });

export const ResourceServerPatch = sample(patchOf(ResourceServer, { status: standing }), { status: "deactivated" });

export const SecretRotation = sample(
  objectWith([], {
    grace_seconds: {
      type: "integer",
      minimum: 0,
      maximum: 30 * 86_400,
      default: 0,
      description: "How long the previous secret keeps working",
    },
  }),
  { grace_seconds: 3600 },
);

export const NameParam = object({ name: sample(text, "orders") });
