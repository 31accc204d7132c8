/** Importing rows by the admin API, with operations that answer as a server may. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseImportRow } from "../core/bulk/import-row.ts";
import type { ReadRow } from "../core/bulk/import-users.ts";
import { OperatorError } from "../core/operator-error.ts";
import { Refusal } from "../core/refusal.ts";
import { createAccountLookup, importOnServer } from "./import-on-server.ts";
import type { InputOf, Operate } from "./operations.ts";

const OPTIONS = { unnamedProxy: undefined, keyProof: "optional" } as const;
const EXPONENT_KEY = {
  kty: "RSA",
  // Odd and of 2048 bits; nobody examines it here.
  n: Buffer.alloc(256, 0xff).toString("base64url"),
  e: "AQAB",
};

type Body = InputOf<"importUsers">["body"];

function rowsOf(count: number, values: object = {}): ReadRow<number>[] {
  return Array.from({ length: count }, (_, place) => ({
    place,
    row: parseImportRow({ account: "acme", name: `user-${place}`, ...values }, OPTIONS),
  }));
}

/** Imports rows with a server that answers a request by `answer`. */
async function importRows(
  rows: readonly ReadRow<number>[],
  answer: (body: Body, request: number) => object | Error,
  isDryRun = false,
) {
  const requests: Body[] = [];
  const pauses: number[] = [];
  const operate = ((_: string, { body }: InputOf<"importUsers">) => {
    requests.push(body);
    const given = answer(body, requests.length);
    return given instanceof Error ? Promise.reject(given) : Promise.resolve({ data: given });
  }) as unknown as Operate;
  const pause = (milliseconds: number) => Promise.resolve(void pauses.push(milliseconds));
  const input = (async function* () {
    await Promise.resolve();
    yield* rows;
  })();
  const outcomes = [];
  try {
    for await (const batch of importOnServer(input, { operate, isDryRun, pause })) outcomes.push(...batch);
    return { requests, pauses, outcomes, error: undefined };
  } catch (error) {
    return { requests, pauses, outcomes, error };
  }
}

const answered = (outcome: string) => ({ outcome, username: null, key_id: null, code: null, message: null });
const created = ({ rows }: Body) => ({ rows: rows.map(() => answered("created")), refused: 0 });

describe("an import on a server", () => {
  test("sends at most 500 rows at once, and gives their outcomes in the order of the file", async () => {
    const rows = rowsOf(1100);
    rows[3] = { place: 3, row: new Refusal("field_invalid", "not a row") };
    const { requests, outcomes } = await importRows(rows, created);
    assert.deepEqual(
      requests.map((body) => body.rows.length),
      [499, 500, 100],
    );
    assert.deepEqual(
      outcomes.map(({ place }) => place),
      rows.map(({ place }) => place),
    );
    assert.ok(outcomes[3]?.result instanceof Refusal);
    assert.ok(requests.every((body) => body.dry_run === undefined));
  });

  test("stays under the longest body that the route takes", async () => {
    const networks = Array.from({ length: 50 }, (_, index) => `2001:db8:aaaa:bbbb:cccc:dddd:eeee:${1000 + index}/128`);
    const values = { networks, key_networks: networks, public_key: EXPONENT_KEY, description: "é".repeat(500) };
    const { requests } = await importRows(rowsOf(500, values), created);
    assert.ok(requests.length > 1);
    for (const body of requests) assert.ok(Buffer.byteLength(JSON.stringify(body)) < 2 * 1024 * 1024);
  });

  test("sends of a key what was read from it, and nothing else of its text", async () => {
    const [row] = rowsOf(1, { public_key: EXPONENT_KEY, expires_at: "2030-01-01 00:00:00+01:00" });
    assert.ok(row !== undefined);
    const { requests, outcomes } = await importRows([row], created, true);
    const [sent] = requests[0]?.rows ?? [];
    assert.match(sent?.public_key ?? "", /^MIIBIjAN[A-Za-z0-9+/]+=*$/);
    assert.equal(sent?.expires_at, "2029-12-31T23:00:00.000Z");
    assert.equal(requests[0]?.dry_run, true);
    assert.deepEqual(outcomes[0]?.result, { outcome: "created", addsKey: true });
  });

  test("refuses a time that has no form in UTC here, so that it isn't the refusal of other rows", async () => {
    const rows = [
      ...rowsOf(1, { public_key: EXPONENT_KEY, expires_at: "9999-12-31T23:59:59-01:00" }),
      ...rowsOf(1).map(({ row }) => ({ place: 1, row })),
    ];
    const { requests, outcomes } = await importRows(rows, created);
    assert.equal(requests[0]?.rows.length, 1);
    const [first] = outcomes;
    assert.ok(first?.result instanceof Refusal && first.result.message.includes("before the year 10000"));
  });

  test("waits as long as a busy server asks, within bounds, and goes on", async () => {
    const busy = [
      new Refusal("unavailable", "Busy."),
      new Refusal("rate_limited", "Slowly.", { retryAfterSeconds: 7 }),
      new Refusal("rate_limited", "Slowly.", { retryAfterSeconds: 999_999 }),
    ];
    const { pauses, outcomes } = await importRows(rowsOf(1), (body, request) => busy[request - 1] ?? created(body));
    assert.deepEqual(pauses, [1000, 7000, 60_000]);
    assert.equal(outcomes.length, 1);
  });

  test("ends when the server stays busy, and says that nothing is lost", async () => {
    const { requests, error } = await importRows(rowsOf(1), () => new Refusal("unavailable", "Busy."));
    assert.equal(requests.length, 10);
    assert.ok(error instanceof Refusal && error.code === "unavailable");
    assert.match(error.message, /^Busy\. 0 rows were done before that\. .* does no harm/);
  });

  test("that is refused in the middle says how far it got", async () => {
    for (const refusal of [new Refusal("forbidden", "Your role doesn't allow this."), new OperatorError("Ended.")]) {
      const answer = (body: Body, request: number) => (request === 2 ? refusal : created(body));
      const { outcomes, error } = await importRows(rowsOf(600), answer);
      assert.equal(outcomes.length, 500);
      assert.ok(error instanceof Error);
      assert.match(error.message, /500 rows were done before that\. To import the file again does no harm/);
      assert.equal(error.constructor, refusal.constructor);
      const dryRun = await importRows(rowsOf(600), answer, true);
      assert.match((dryRun.error as Error).message, /500 rows were examined before that, and nothing was changed/);
    }
  });

  test("doesn't take an answer that isn't one for each row", async () => {
    const fewer = await importRows(rowsOf(2), () => ({ rows: [answered("created")], refused: 0 }));
    assert.match((fewer.error as Error).message, /1 results for 2 rows/);
    const other = await importRows(rowsOf(1), () => ({ rows: [answered("postponed")], refused: 0 }));
    assert.match((other.error as Error).message, /outcome that this release doesn't know/);
  });
});

test("an account is looked up once, and a name that no account can have isn't asked for", async () => {
  const asked: unknown[] = [];
  const operate = ((_: string, { params }: InputOf<"getAccount">) => {
    asked.push(params.shortname);
    if (asked.length === 1) return Promise.reject(new Refusal("unavailable", "Busy.", { retryAfterSeconds: 3 }));
    const found = params.shortname === "acme";
    return found ? Promise.resolve({ data: {} }) : Promise.reject(new Refusal("not_found", "Nothing."));
  }) as unknown as Operate;
  const pauses: number[] = [];
  const pause = (milliseconds: number) => {
    pauses.push(milliseconds);
    return Promise.resolve();
  };
  const hasAccount = createAccountLookup({ operate, pause });
  const found = [];
  for (const name of ["acme", "acme", "other", "other", "..", "", "a/b", "x".repeat(5000)])
    found.push(await hasAccount(name));
  assert.deepEqual(found, [true, true, false, false, false, false, false, false]);
  assert.deepEqual(asked, ["acme", "acme", "other"]);
  assert.deepEqual(pauses, [3000]);
});
