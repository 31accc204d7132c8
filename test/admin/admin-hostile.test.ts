/**
 * Hostile input to the admin API: changes from other pages, ended sessions, and every field of every request empty,
 * huge, of the wrong type, or full of markup, text directions and emoji. Nothing of it is a defect, and what is
 * accepted is returned unchanged.
 */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ADMIN, type AdminClient, type Operation } from "../testkit/admin-client.ts";
import { makeThings, sampleOf, type Things } from "../testkit/admin-samples.ts";
import {
  type Caller,
  type ConsoleServer,
  makeCallers,
  startConsoleServer,
  useLink,
} from "../testkit/console-server.ts";

/** Values that a form, a script or an attacker may send. */
const HOSTILE: Readonly<Record<string, unknown>> = {
  empty: "",
  blank: " \t ",
  huge: "x".repeat(200_000),
  long: "x".repeat(5000),
  markup: '<img src=x onerror="alert(1)"><script>alert(1)</script>',
  "right to left": "\u202eevil\u202c شركة",
  emoji: "👩‍🚀🚀",
  NUL: "a\0b",
  "lone surrogate": "\ud800",
  "line breaks": "a\r\nSet-Cookie: x=y\r\n\r\nb",
  quotes: `'"; drop table accounts; --`,
  "template syntax": "{{7*7}}${7*7}%s%n",
  path: "../../../../etc/passwd",
  number: 7,
  "not a whole number": 1.5,
  "huge number": 1e300,
  negative: -1,
  true: true,
  null: null,
  list: [["a"]],
  object: { $gt: "", toString: "x" },
};

/** Routes that must not be called with random input: they end what the test needs, or only redirect. */
const APART = ["signOut", "endMyOtherSessions", "startSingleSignOn", "finishSingleSignOn"];

describe("the admin API and hostile input", { concurrency: false }, () => {
  let console: ConsoleServer;
  let owner: AdminClient;
  let callers: readonly Caller[];
  let things: Things;
  // biome-ignore lint/suspicious/noExplicitAny: an OpenAPI document
  let document: any;
  const figures = { foreignOrigins: 0, sessionsOver: 0, fields: 0, refused: 0, taken: 0, queries: 0, bodies: 0 };
  const origin = () => new URL(console.server.adminUrl).origin;

  before(async () => {
    // Without a limit on refusals, which this would reach at once.
    console = await startConsoleServer({ flags: ["--refusal-limit", "0"] });
    const { server } = console;
    await server.json("account", "create", "acme");
    await server.json("user", "create", "demo", "--account", "acme");
    await server.json("resource-server", "create", "shop");
    ({ owner, callers } = await makeCallers(console, "acme"));
    things = await makeThings(console, owner, "acme", "api-1-demo");
    document = await (await fetch(`${server.adminUrl}/openapi.json`)).json();
  });
  after(async () => {
    await console.server.stop();
    process.stdout.write(`admin API, hostile input: ${JSON.stringify(figures)}\n`);
  });

  const changes = (): readonly Operation[] => console.api.operations.filter(({ method }) => method !== "GET");
  const eventCount = async (): Promise<number> => {
    const { body } = await owner.get("/audit-events?limit=1");
    return body.data[0].seq;
  };

  test("no change is made for a page that isn't the console, nor without an Origin", async () => {
    const cookie = await sessionOf("admin@example.com");
    const before = await eventCount();
    for (const operation of changes()) {
      const { path, ...options } = await sampleOf(operation, things);
      const made = await eventCount();
      for (const foreign of [
        // Programs have no Origin; a route for them reads no cookie, so a page elsewhere gains nothing by leaving it out.
        ...(operation.description.startsWith("For a program") ? [] : [null]),
        "null",
        "https://evil.example",
        `${origin()}.evil.example`,
        `${origin()}/`,
        // Other programs' pages on this machine: the same site, but another origin.
        "http://localhost:3000",
        "http://127.0.0.1:3000",
        console.server.publicUrl.replace("http:", "https:"),
      ]) {
        const answer = await console.api.client.as({ cookie, origin: foreign }).send(operation.method, path, options);
        assert.equal(answer.status, 403, `${operation.operationId} from ${foreign}: ${answer.text}`);
        assert.equal(answer.code, "origin_refused");
        figures.foreignOrigins++;
      }
      assert.equal(await eventCount(), made, operation.operationId);
    }
    assert.ok((await eventCount()) >= before);
  });

  test("a request that its browser doesn't mark as same-origin is refused, whatever else it says", async () => {
    const cookie = await sessionOf("admin@example.com");
    for (const site of ["same-site", "cross-site", "none", "nonsense"]) {
      const answer = await console.api.client
        .as({ cookie })
        .send("POST", "/me/recovery-codes", { headers: { "sec-fetch-site": site } });
      assert.equal(answer.code, "origin_refused", site);
      figures.foreignOrigins++;
    }
  });

  test("another page's form, which browsers send without a preflight, isn't even read", async () => {
    const cookie = await sessionOf("admin@example.com");
    for (const type of [
      "application/x-www-form-urlencoded",
      "text/plain",
      "multipart/form-data; boundary=x",
      "text/json",
    ]) {
      const answer = await console.api.client
        .as({ cookie })
        .send("POST", "/accounts", { body: '{"shortname":"forged"}', headers: { "content-type": type } });
      assert.equal(answer.status, 415, answer.text);
      assert.equal(answer.code, "media_type_unsupported");
      figures.bodies++;
    }
    assert.equal((await owner.get("/accounts/forged")).status, 404);
  });

  test("a body that isn't UTF-8, or holds lone surrogates, is refused, and no part of it is stored as U+FFFD", async () => {
    const { token } = await console.server.json<{ token: string }>("admin-token", "create", "bytes", "--role", "owner");
    const post = async (shortname: string, name: Buffer, type = "application/json") => {
      const body = Buffer.concat([Buffer.from(`{"shortname":"${shortname}","name":"`), name, Buffer.from('"}')]);
      const answer = await fetch(`${console.server.adminUrl}${ADMIN}/accounts`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": type },
        body,
      });
      figures.bodies++;
      return { status: answer.status, text: await answer.text() };
    };
    const made = await eventCount();
    for (const [what, name, status, says] of [
      ["ISO 8859-1", Buffer.from("M\u00fcller", "latin1"), 400, "isn't UTF-8"],
      ["UTF-16", Buffer.from("M\u00fcller", "utf16le"), 400, ""],
      ["an overlong encoding", Buffer.from([0xc0, 0xaf]), 400, "isn't UTF-8"],
      ["half a surrogate pair in bytes", Buffer.from([0xed, 0xa0, 0x80]), 400, "isn't UTF-8"],
      ["a truncated character", Buffer.from([0xe2, 0x82]), 400, "isn't UTF-8"],
      ["a byte that UTF-8 never has", Buffer.from([0xff]), 400, "isn't UTF-8"],
      ["half a surrogate pair, escaped", Buffer.from(String.raw`a\ud800b`), 400, "surrogate pair"],
      ["the other half, escaped", Buffer.from(String.raw`\udc00`), 400, "surrogate pair"],
      ["U+FFFD, which stands for other bytes", Buffer.from("M\ufffdller"), 422, "stands for bytes that weren't"],
    ] as const) {
      const answer = await post("bytes", name);
      assert.equal(answer.status, status, `${what}: ${answer.text}`);
      assert.ok(answer.text.includes(says), `${what}: ${answer.text}`);
    }
    for (const charset of ["iso-8859-1", '"ISO-8859-1"', "utf-16", "windows-1252"]) {
      const answer = await post("bytes", Buffer.from("plain"), `application/json; charset=${charset}`);
      assert.equal(answer.status, 415, answer.text);
      assert.ok(answer.text.includes("charset isn't UTF-8"), answer.text);
    }
    assert.equal(await eventCount(), made, "nothing was changed");
    for (const [at, type] of [
      "application/json",
      "application/json; charset=utf-8",
      'application/json;charset="UTF-8"',
    ].entries()) {
      const answer = await post(`bytes-${at}`, Buffer.from(String.raw`M\u00fcller 👩‍🚀 \ud83d\ude80`), type);
      assert.equal(answer.status, 201, answer.text);
      assert.ok(answer.text.includes("M\u00fcller 👩‍🚀 🚀"), answer.text);
    }
  });

  test("a body that names a member twice is refused, however the name is spelt", async () => {
    const { token } = await console.server.json<{ token: string }>("admin-token", "create", "twice", "--role", "owner");
    const made = await eventCount();
    for (const [body, status] of [
      ['{"shortname":"twice","name":"a","name":"b"}', 400],
      [String.raw`{"shortname":"twice","name":"a","n\u0061me":"b"}`, 400],
      ['{"shortname":"twice","x":[{"a":1,"a":1}]}', 400],
      [String.raw`{"shortname":"once","name":"\"a\": {\"a\": 1}"}`, 201],
    ] as const) {
      const answer = await fetch(`${console.server.adminUrl}${ADMIN}/accounts`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body,
      });
      const text = await answer.text();
      assert.equal(answer.status, status, text);
      if (status === 400) assert.ok(text.includes("names a member twice"), text);
      figures.bodies++;
    }
    assert.equal(await eventCount(), made + 1);
  });

  test("a viewer changes nothing", async () => {
    const viewer = callers.find(({ name }) => name === "viewer, by session") as Caller;
    for (const operation of changes()) {
      const { description, operationId, method } = operation;
      if (!/role (admin|owner)/.test(description)) continue;
      const { path, ...options } = await sampleOf(operation, things);
      const made = await eventCount();
      const answer = await viewer.client.send(method, path, options);
      assert.equal(answer.code, "forbidden", `${operationId}: ${answer.text}`);
      assert.equal(await eventCount(), made, operationId);
      figures.refused++;
    }
  });

  for (const [what, column, agoMs] of [
    ["that began over 12 hours ago", "created_at_ms", 12 * 3_600_000],
    ["that wasn't used for an hour", "last_seen_at_ms", 3_600_000],
  ] as const) {
    test(`a session ${what} is refused on every route`, async () => {
      const cookie = await sessionOf("admin@example.com");
      const client = console.api.client.as({ cookie });
      assert.equal((await client.get("/me")).status, 200);
      const database = new DatabaseSync(join(console.server.dataDir, "countersign.db"), { timeout: 10_000 });
      database
        .prepare(`update operator_sessions set ${column} = ? where id = (select max(id) from operator_sessions)`)
        .run(Date.now() - agoMs);
      database.close();
      for (const operation of console.api.operations) {
        if (/^(?:Needs no session|For a program)/.test(operation.description)) continue;
        const { path, ...options } = await sampleOf(operation, things);
        const answer = await client.send(operation.method, path, options);
        assert.equal(answer.status, 401, `${operation.operationId}: ${answer.text}`);
        assert.equal(answer.code, "sign_in_required");
        figures.sessionsOver++;
      }
    });
  }

  test("a session cookie that was altered, truncated or made up is refused", async () => {
    const [name = "", value = ""] = (await sessionOf("admin@example.com")).split("=");
    for (const wrong of ["", "x", value.slice(1), `${value}x`, value.toUpperCase(), "%00", "a".repeat(5000)]) {
      const answer = await console.api.client.as({ cookie: `${name}=${wrong}` }).get("/me");
      assert.equal(answer.status, 401, wrong);
      figures.sessionsOver++;
    }
  });

  test("every field of every request is either refused with an explanation or accepted and returned unchanged", async () => {
    const cookie = await sessionOf("owner@example.com");
    const client = console.api.client.as({ cookie });
    for (const operation of changes()) {
      if (APART.includes(operation.operationId)) continue;
      const given =
        document.paths[operation.path][operation.method.toLowerCase()].requestBody?.content["application/json"].schema;
      if (given === undefined) continue;
      const schema = document.components.schemas[given.$ref?.replace("#/components/schemas/", "")] ?? given;
      for (const field of Object.keys(schema.properties)) {
        // A request that is refused uses nothing up.
        let sample = await sampleOf(operation, things);
        for (const [kind, value] of Object.entries(HOSTILE)) {
          const { path, body } = sample;
          const context = `${operation.operationId}, ${field}: ${kind}`;
          const answer = await client.send(operation.method, path, {
            body: { ...(body as object | undefined), [field]: value },
          });
          figures.fields++;
          assert.ok(answer.status < 500, `${context}: ${answer.status} ${answer.text}`);
          assert.match(answer.headers.get("content-type") ?? "", /^application\/json/, context);
          assert.equal(answer.headers.get("x-content-type-options"), "nosniff", context);
          if (answer.status >= 400) {
            figures.refused++;
            if (typeof value === "string" && value.length > 20) {
              assert.ok(!answer.text.includes(value.slice(0, 60)), `${context}: the refusal repeats what was sent`);
            }
          } else {
            figures.taken++;
            sample = await sampleOf(operation, things);
            const shown = answer.body.data[field];
            if (typeof value === "string" && typeof shown === "string" && field !== "expires_at") {
              assert.ok(
                shown === value || shown === value.trim().toLowerCase(),
                `${context}: ${JSON.stringify(shown)}`,
              );
            }
          }
        }
      }
      // An unknown member, and bodies that aren't an object.
      const { path, body } = await sampleOf(operation, things);
      for (const whole of [{ ...(body as object | undefined), unknown: 1 }, [], "x", 7, null, "{", '{"a":1,"a":2']) {
        const answer = await client.send(operation.method, path, { body: whole });
        assert.ok(
          answer.status >= 400 && answer.status < 500,
          `${operation.operationId}: ${answer.status} ${answer.text}`,
        );
        figures.bodies++;
      }
    }
    assert.ok(figures.taken > 0 && figures.refused > figures.taken);
  });

  test("every parameter of every list is accepted or refused, whatever its value, and if repeated", async () => {
    for (const operation of console.api.operations) {
      if (operation.method !== "GET" || APART.includes(operation.operationId)) continue;
      const described = document.paths[operation.path].get.parameters as { in: string; name: string }[] | undefined;
      const { path } = await sampleOf(operation, things);
      for (const { in: place, name } of described ?? []) {
        if (place === "header") continue;
        for (const [kind, value] of Object.entries(HOSTILE)) {
          if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") continue;
          const text = encodeURIComponent(kind === "lone surrogate" ? "�" : String(value)).slice(0, 6000);
          const target =
            place === "path"
              ? operation.path.slice(ADMIN.length).replaceAll(/\{\w+\}/g, text === "" ? "%20" : text)
              : `${path}${path.includes("?") ? "&" : "?"}${name}=${text}`;
          const answer = await owner.get(target);
          const context = `${operation.operationId}, ${name}: ${kind}`;
          assert.ok(answer.status < 500, `${context}: ${answer.status} ${answer.text}`);
          figures.queries++;
        }
        if (place === "query") {
          const twice = `${path}${path.includes("?") ? "&" : "?"}${name}=1&${name}=2`;
          const answer = await owner.get(twice);
          assert.equal(answer.status, 422, `${twice}: ${answer.text}`);
          figures.queries++;
        }
      }
    }
  });

  test("names with markup, text directions and emoji stay unchanged in lists, the audit log and its export", async () => {
    const names = [HOSTILE["markup"], "شركة", HOSTILE["emoji"], HOSTILE["quotes"], "=HYPERLINK(1)"] as string[];
    for (const [index, name] of names.entries()) {
      const made = await owner.post("/accounts", { shortname: `named-${index}`, name });
      assert.equal(made.status, 201, made.text);
      assert.equal((await owner.get(`/accounts/named-${index}`)).body.data.name, name);
    }
    const lines = (await owner.get("/audit-events/export?format=jsonl&action=account.created")).text.trim().split("\n");
    const seen = lines.map((line) => JSON.parse(line).details.name as string);
    for (const name of names) assert.ok(seen.includes(name), name);
    const csv = await owner.get("/audit-events/export?format=csv");
    assert.match(csv.headers.get("content-type") ?? "", /^text\/csv/);
    assert.match(csv.headers.get("content-disposition") ?? "", /^attachment/);
    assert.doesNotMatch(csv.text, /^[=+@]|,[=+@]/m, "no cell is a formula");
  });

  /** A new session of one of the operators that {@link makeCallers} made. */
  async function sessionOf(email: string): Promise<string> {
    const operators = await owner.get(`/operators?q=${email}`);
    const reset = await owner.post(`/operators/${operators.body.data[0].id}/reset`);
    assert.equal(reset.status, 200, reset.text);
    return useLink(console, new URL(reset.body.data.link).hash.slice(1));
  }
});
