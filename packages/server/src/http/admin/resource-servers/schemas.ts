import {
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
  client_id: text,
  name: text,
  status: standing,
  created_at: time,
  previous_secret_ends_at: timeOrNull,
} as const;

export const ResourceServer = object(resourceServer);

export const ResourceServerWithSecret = object({
  ...resourceServer,
  client_secret: {
    ...textOrNull,
    description: "Shown only in this response; null if the request repeats an earlier creation",
  },
});

export const ResourceServersQuery = objectWith([], { q: search, status: standing, ...page });

export const NewResourceServer = object({ name });

export const ResourceServerPatch = patchOf(ResourceServer, { status: standing });

export const SecretRotation = objectWith([], {
  grace_seconds: {
    type: "integer",
    minimum: 0,
    maximum: 30 * 86_400,
    default: 0,
    description: "How long the previous secret keeps working",
  },
});

export const NameParam = object({ name: text });
