import {
  access,
  count,
  name,
  object,
  objectWith,
  page,
  patchOf,
  search,
  shortname,
  standing,
  text,
  time,
  timeOrNull,
} from "../http/schema.ts";

export const ApiUser = object({
  id: count,
  username: { ...text, description: "api-<account id>-<name>: what an assertion's username says" },
  name: text,
  account: { ...text, description: "The account's shortname" },
  access,
  status: standing,
  active_keys: { ...count, description: "Public keys that are active, expired ones among them" },
  keys: { ...count, description: "Public keys in all" },
  last_used_at: { ...timeOrNull, description: "Of all its keys, the latest; written every few seconds" },
  tokens_today: { ...count, description: "Tokens issued since midnight UTC" },
  created_at: time,
});

export const UsersQuery = objectWith([], {
  q: {
    ...search,
    description: "Begins a username or the name in it, or is a key's fingerprint or thumbprint",
  },
  account: shortname,
  status: standing,
  access,
  order: { enum: ["newest", "name"], description: "The newest first, unless given; by name where q is" },
  ...page,
});

export const NewUser = object({ account: name, name, access });

export const UserPatch = patchOf(ApiUser, { status: standing });

export const UsernameParam = object({ username: text });
