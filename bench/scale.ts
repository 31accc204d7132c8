/**
 * One million API users with two keys each in PostgreSQL: size of the store, time to ready, memory of a node, and how long an
 * exchange takes for a user that isn't in the view, beside one that is.
 */
import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { startPostgres } from "../packages/server/src/testing/test-postgres.ts";
import { makeKeyPair } from "../test/testkit/rsa-keys.ts";
import { signAssertion } from "../test/testkit/sign-assertion.ts";
import { admin, cleanUp, printReport, quantile, residentMiB, startService } from "./support.ts";

const { values: options } = parseArgs({
  options: {
    users: { type: "string", default: "1000000" },
    exchanges: { type: "string", default: "2000" },
    json: { type: "boolean", default: false },
  },
});
const users = Number(options.users);
const exchanges = Number(options.exchanges);

const postgres = await startPostgres({ settings: ["shared_buffers=512MB", "max_wal_size=8GB"] });
try {
  const databaseUrl = await postgres.createDatabase();
  const database = new URL(databaseUrl).pathname.slice(1);
  const store = { databaseUrl };
  // All users share these two keys: for a store, distinct keys would make no difference.
  const { privateKey, publicKey } = makeKeyPair();
  const spki = publicKey.export({ format: "der", type: "spki" });
  admin(["account", "create", "bench"], store);
  const filledAt = performance.now();
  await postgres.query(
    `insert into api_users (account_id, username, access, status, created_at_ms)
     select 1, 'api-1-user' || n, 'full', 'active', 1 from generate_series(1, ${users}) as n`,
    database,
  );
  for (const which of [1, 2]) {
    const fingerprint = `SHA256:${createHash("sha256").update(spki).digest("base64").replace("=", "")}`;
    await postgres.query(
      `insert into public_keys (user_id, fingerprint, thumbprint, bits, spki, status, created_at_ms)
       select id, '${fingerprint}', left(encode(sha256(('${which} ' || id)::bytea), 'base64'), 43), 2048,
         '\\x${spki.toString("hex")}', 'active', 1
       from api_users`,
      database,
    );
  }
  await postgres.query("vacuum analyze", database);
  const filledSeconds = (performance.now() - filledAt) / 1000;
  const [size] = await postgres.query(`select pg_database_size('${database}')::float8 as bytes`, database);

  const { publicUrl, pid, readyMs } = await startService(store, ["--log-level", "warn"], false);
  const idleMiB = residentMiB(pid);
  const strangers = Array.from({ length: exchanges }, (_, index) => 1 + Math.floor((index * users) / exchanges));
  const unknown = await exchangeEach(strangers);
  const known = await exchangeEach(strangers);
  printReport(
    {
      node: process.version,
      users,
      filled_s: Math.round(filledSeconds),
      store_mib: Math.round(Number(size?.["bytes"]) / 2 ** 20),
      bytes_per_user: Math.round(Number(size?.["bytes"]) / users),
      ready_ms: Math.round(readyMs),
      idle_mib: Math.round(idleMiB),
      after_mib: Math.round(residentMiB(pid)),
      mint_ms_not_in_view: { p50: quantile(unknown, 0.5), p99: quantile(unknown, 0.99) },
      mint_ms_in_view: { p50: quantile(known, 0.5), p99: quantile(known, 0.99) },
    },
    options.json,
  );

  /** Runs exchanges for one user after the other. @returns how long each took, in milliseconds */
  async function exchangeEach(numbers: readonly number[]): Promise<readonly number[]> {
    const times: number[] = [];
    for (const number of numbers) {
      const authorization = `JWT ${signAssertion(`api-1-user${number}`, privateKey)}`;
      const startedAt = performance.now();
      const answer = await fetch(`${publicUrl}/api/auth/v0/refresh/`, { headers: { authorization } });
      await answer.text();
      times.push(performance.now() - startedAt);
      if (answer.status !== 200) throw new Error(`user ${number}: ${answer.status}`);
    }
    return times;
  }
} finally {
  await cleanUp();
  await postgres.stop();
}
