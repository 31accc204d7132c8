/**
 * The audit of stored keys from the command line, and what lists and the audit log show of it.
 */
import assert from "node:assert/strict";
import { createHash, createPublicKey, generatePrimeSync } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { environment } from "../testkit/run-program.ts";
import { runCountersign } from "../testkit/run-countersign.ts";
import { temporaryFolder } from "../testkit/server.ts";

interface ShownKey {
  readonly id: number;
  readonly status: string;
  readonly weakness: string | null;
}
interface Report {
  readonly examined: number;
  readonly weak: readonly (ShownKey & { readonly is_new: boolean; readonly is_deactivated: boolean })[];
  readonly over_age: readonly ShownKey[];
}

test("key audit finds a weak key that is stored already, says so in lists and with status 1, and obeys the policy", async () => {
  const dataDir = temporaryFolder();
  const run = (args: readonly string[], env: Record<string, string> = {}) =>
    runCountersign(args, {
      env: environment({ COUNTERSIGN_DATA_DIR: dataDir, ...env }),
    });
  const audit = async (env?: Record<string, string>) => {
    const { status, stdout, stderr } = await run(["key", "audit", "--json"], env);
    assert.equal(stderr, "");
    return { status, report: JSON.parse(stdout) as Report };
  };
  const list = async () => JSON.parse((await run(["key", "list", "api-1-demo", "--json"])).stdout) as ShownKey[];
  for (const args of [
    ["account", "create", "acme"],
    ["user", "create", "demo", "--account", "acme"],
    ["key", "generate", "api-1-demo", "--out", join(dataDir, "1.pem")],
    ["key", "generate", "api-1-demo", "--out", join(dataDir, "2.pem")],
  ]) {
    assert.equal((await run(args)).status, 0, args.join(" "));
  }
  assert.deepEqual(await audit(), { status: 0, report: { examined: 2, weak: [], over_age: [] } });
  assert.equal((await run(["key", "audit"])).stdout, "none is weak: 2 keys examined\n");

  // As an earlier release would have admitted it: a prime modulus, with which the public key alone signs.
  const modulus = Buffer.from(generatePrimeSync(2048));
  const jwk = { kty: "RSA", n: modulus.toString("base64url"), e: "AQAB" };
  const spki = createPublicKey({ key: jwk, format: "jwk" }).export({ format: "der", type: "spki" });
  const database = new DatabaseSync(join(dataDir, "countersign.db"), { timeout: 10_000 });
  database
    .prepare("update public_keys set spki = ?, modulus_hash = ? where id = 2")
    .run(spki, createHash("sha256").update(modulus).digest("hex"));
  database.close();

  const first = await audit();
  assert.equal(first.status, 1);
  assert.equal(first.report.examined, 2);
  assert.deepEqual(
    first.report.weak.map(({ id, status, weakness, is_new, is_deactivated }) => [
      id,
      status,
      weakness,
      is_new,
      is_deactivated,
    ]),
    [[2, "active", "prime", true, false]],
  );
  assert.deepEqual(
    (await list()).map(({ id, weakness }) => [id, weakness]),
    [
      [1, null],
      [2, "prime"],
    ],
  );
  assert.match((await run(["key", "list", "api-1-demo"])).stdout, /^2 .* active, weak: prime /m);
  const text = await run(["key", "audit"]);
  assert.equal(text.status, 1);
  assert.match(text.stdout, /^1 weak: 2 keys examined\nID .*\n2 +api-1-demo +prime +active +known +SHA256:/);

  const strict = await audit({ COUNTERSIGN_WEAK_KEYS: "deactivate" });
  assert.deepEqual(
    strict.report.weak.map(({ status, is_new, is_deactivated }) => [status, is_new, is_deactivated]),
    [["deactivated", false, true]],
  );
  const events = JSON.parse((await run(["audit", "list", "--json"])).stdout) as { action: string; subject: string }[];
  assert.deepEqual(
    events.slice(-2).map(({ action, subject }) => [action, subject]),
    [
      ["key.found_weak", "key:2"],
      ["key.deactivated", "key:2"],
    ],
  );

  const activated = await run(["key", "activate", "2"], { COUNTERSIGN_WEAK_KEYS: "deactivate" });
  assert.equal(activated.status, 1);
  assert.match(
    activated.stderr,
    /^countersign: Key 2 was found weak \(prime\), and this service deactivates weak keys\./,
  );

  // A maximum age that is set later is reported, and ends no key.
  const aged = await audit({ COUNTERSIGN_KEY_AGE_MAX: "30d" });
  assert.deepEqual(
    aged.report.over_age.map(({ id, status }) => [id, status]),
    [[1, "active"]],
  );
  assert.equal((await run(["key", "revoke", "--yes", "2"])).status, 0);
  assert.equal((await audit()).status, 0);
});
