import type { NameKind, StoredName } from "../core/store/stored-name.ts";

/** How many names are found at most. Nobody reads a longer list. */
const NAMES_MAX = 200;

/** The names of each kind and what is known about them; no secret, and no URL, which may contain one. */
const QUERIES: Readonly<Record<NameKind, string>> = {
  account: "select shortname as value, name as about from accounts",
  user: "select username as value, status as about from api_users",
  key: `select cast(public_keys.id as text) as value,
          username || ', ' || public_keys.status || coalesce(', ' || label, '') as about
        from public_keys join api_users on api_users.id = public_keys.user_id`,
  "resource-server": "select name as value, status as about from resource_servers",
  webhook: "select cast(id as text) as value, status || coalesce(', ' || label, '') as about from webhooks",
  operator: "select email as value, role || ', ' || status as about from operators",
  "signing-key": `select cast(number as text) as value,
          case when retired_at_ms is null then 'not retired' else 'retired' end as about
        from signing_keys`,
  "admin-token": "select name as value, role as about from admin_tokens where revoked_at_ms is null",
};

/** The first names of a kind, in order, that begin with the one parameter, which {@link likePrefix} makes. */
export function nameQuery(kind: NameKind, parameter: "?" | "$1"): string {
  return `select value, about from (${QUERIES[kind]}) as names
    where value like ${parameter} escape '!' order by length(value), value limit ${NAMES_MAX}`;
}

/** A pattern for LIKE that stands for every text that begins with `prefix`. */
export function likePrefix(prefix: string): string {
  return `${prefix.replaceAll(/[!%_]/g, "!$&")}%`;
}

/** A row of {@link nameQuery}. @throws if the database isn't a store of ours */
export function toStoredName({ value, about }: Readonly<Record<string, unknown>>): StoredName {
  if (typeof value !== "string") throw new Error("a name isn't text");
  return { value, about: typeof about === "string" ? about : null };
}
