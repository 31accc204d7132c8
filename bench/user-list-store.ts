/** The store of the benchmarks of lists: a million API users with two keys each, half of them in one account, and a long log. */
import { DatabaseSync } from "node:sqlite";
import { openSqliteStore } from "../packages/server/src/storage/sqlite/open-sqlite-store.ts";

const ACCOUNTS = 1000;
/** The first hour in which tokens were issued. */
export const HOUR = 1_481_652_000;
/** The share of the oldest users whose names have the prefix `legacy-`; the others have `svc-`. */
const OLD_PART = 0.3;

/** SQL for both engines; the parameters are the parts in which they differ. */
export function fill({ numbers, bytes, digits }: EngineWords, users: number): readonly string[] {
  const old = Math.floor(users * OLD_PART);
  const account = `case when n % 2 = 0 then 1 else 1 + n % ${ACCOUNTS} end`;
  return [
    `insert into accounts (shortname, name, search_name, status, created_at_ms, users)
     select 'account-' || n, 'Account ' || n, 'account ' || n, 'active', 1, 0 from ${numbers(ACCOUNTS)}`,
    `insert into api_users (account_id, username, access, status, created_at_ms)
     select account_id, 'api-' || account_id || '-' || case when n <= ${old} then 'legacy-' else 'svc-' end || n,
       case when n % 5 = 0 then 'read_only' else 'full' end, case when n % 50 = 7 then 'deactivated' else 'active' end, n
     from (select n, ${account} as account_id from ${numbers(users)}) as numbered`,
    ...[1, 2].map(
      (which) =>
        // Half of the keys have expired, so that a list of unused ones must step over a million; few are weak or about to expire.
        `insert into public_keys (user_id, account_id, fingerprint, thumbprint, modulus_hash, bits, spki, status,
           created_at_ms, expires_at_ms, idle_since_day, weakness, label)
         select id, account_id, 'SHA256:${which}' || ${digits("id")}, 'thumb-${which}' || ${digits("id")},
           '${which}' || ${digits("id")}, 2048, ${bytes}, 'active', 1,
           case when ${which} = 1 then 1000 + id when id % 100 = 0 then ${HOUR * 1000} + id * 2000 end,
           ${which} - 1, case when id % 1000 = 0 then 'roca' end, case when id % 10 = 0 then 'Label ' || id end
         from api_users`,
    ),
    `insert into key_usage (key_id, last_used_at_ms) select id, id from public_keys where id % 2 = 0`,
    `insert into key_usage_hours (key_id, hour_s, tokens)
     select id, ${HOUR} + 3600 * n, 1 from public_keys, ${numbers(2)} where id % 10 = 0`,
    `insert into account_usage_hours (account_id, hour_s, tokens)
     select id, ${HOUR} + 3600 * n, 1 from accounts, ${numbers(720)}`,
    `insert into usage_hours (hour_s, tokens) select ${HOUR} + 3600 * n, 1 from ${numbers(720)}`,
    `insert into key_expiries (account_id, user_id, key_id, expires_s, tokens)
     select api_users.account_id, api_users.id, public_keys.id, ${HOUR}, 1
     from api_users join public_keys on public_keys.user_id = api_users.id and public_keys.fingerprint < 'SHA256:2'`,
    `insert into audit_events (seq, at_ms, actor, action, subject, details, previous_hash, hash, account_id)
     select n, n * 1000, case when n % 1000 = 0 then 'operator:zoe@example.com' else 'admin-token:import' end,
       case when n % 2 = 0 then 'key.added' when n % 99999 = 0 then 'key.revoked' else 'user.created' end,
       'user:' || (n / 2), '{"username":"api-1-somebody","bits":2048,"expires_at_ms":null}', '${"0".repeat(64)}',
       '${"0".repeat(64)}', case when n % 4 = 0 then 1 else 1 + n % ${ACCOUNTS} end
     from ${numbers(2 * users)}`,
    // The daily jobs have run, or their first run over all keys would be measured along with the lists.
    `insert into jobs (name, holder, held_until_ms, ran_at_ms) values ${[
      "key-audit",
      "shared-primes",
      "unused-keys",
      "key-expiry-reminders",
    ]
      .map((job) => `('${job}', 'bench', 0, ${Date.now()})`)
      .join(", ")}`,
  ];
}

export interface EngineWords {
  /** Rows with `n` from 1 on. */
  readonly numbers: (count: number) => string;
  readonly bytes: string;
  /** A number as 42 digits. */
  readonly digits: (column: string) => string;
}

/** Makes such a store. @returns the seconds that it took */
export async function fillSqlite(file: string, users: number): Promise<number> {
  await (await openSqliteStore(file)).close();
  const database = new DatabaseSync(file);
  database.exec("pragma synchronous = off; pragma cache_size = -500000");
  const startedAt = performance.now();
  const words: EngineWords = {
    numbers: (count) =>
      `(with recursive counting (n) as (select 1 union all select n + 1 from counting where n < ${count}) select n from counting)`,
    bytes: "zeroblob(294)",
    digits: (column) => `printf('%042d', ${column})`,
  };
  for (const statement of fill(words, users)) database.exec(statement);
  database.exec("pragma wal_checkpoint(truncate)");
  database.close();
  return Math.round((performance.now() - startedAt) / 1000);
}
