import {
  access,
  count,
  flag,
  name,
  networks,
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
  username: { ...text, description: "api-<account id>-<name>; the claim username of an assertion" },
  name: text,
  account: { ...text, description: "The account's shortname" },
  access,
  status: standing,
  active_keys: { ...count, description: "Number of active public keys, including expired ones" },
  keys: { ...count, description: "Number of public keys" },
  last_used_at: { ...timeOrNull, description: "The latest use of any of its keys; updated every few seconds" },
  tokens_today: { ...count, description: "Tokens issued since midnight UTC" },
  created_at: time,
  may_rotate: { ...flag, description: "May it send in its next key itself?" },
  networks: { ...texts, description: "CIDRs from which its keys can be used; empty: from anywhere" },
});

export const UsersQuery = objectWith([], {
  q: {
    ...search,
    description:
      "The start of a name, or of a username up to the account's number at least; or a key's whole fingerprint or thumbprint",
  },
  account: shortname,
  status: standing,
  access,
  order: { enum: ["newest", "name"], description: "Default: newest. With q, the list is by name in any case" },
  ...page,
});

export const NewUser = objectWith(["account", "name", "access"], {
  account: name,
  name,
  access,
  may_rotate: { ...flag, description: "Default: false" },
  networks,
});

export const UserPatch = patchOf(ApiUser, { status: standing, may_rotate: flag, networks });

export const UsernameParam = object({ username: text });
