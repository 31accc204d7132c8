/** The operations by a server's admin API, against servers that answer as they shouldn't. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test, type TestContext } from "node:test";
import { loadAnswerSchema } from "../compose/answer-schemas.ts";
import { OperatorError } from "../core/operator-error.ts";
import { Refusal } from "../core/refusal.ts";
import { ADMIN_ROUTES } from "../http/admin/routes.ts";
import { type DataOf, listAll, type Operate, type OperationId } from "./operations.ts";
import {
  createRemoteOperations,
  download,
  downloadRegistry,
  downloadUsers,
  OPERATION_PATHS,
} from "./remote-operations.ts";

const TOKEN = `csat_${"t".repeat(49)}`;
const LIMITS = { msMax: 60_000, bytesMax: 100_000 };
const ACCOUNT = {
  id: 1,
  shortname: "acme",
  name: "Acme",
  status: "active",
  users: 0,
  created_at: "2026-01-01T00:00:00Z",
  key_age_max_seconds: null,
  description: null,
  contact: null,
  archived_at: null,
};

function envelope(data: unknown, meta: object = {}): string {
  return JSON.stringify({ meta: { code: 200, errors: [], warnings: [], ...meta }, data });
}

function refusal(code: string, message: string): string {
  return envelope({}, { errors: [{ code, message, docs: "" }] });
}

/** Starts a server for one test. */
async function serve(context: TestContext, listener: RequestListener) {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    listener(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, requests, operate: createRemoteOperations({ url, token: TOKEN }, loadAnswerSchema, LIMITS) };
}

const json = { "content-type": "application/json; charset=utf-8" };
const get = { params: { shortname: "acme" } };

test("every operation has the method and path of the admin API's route", () => {
  for (const [id, methodAndPath] of Object.entries(OPERATION_PATHS)) {
    const { method, path } = ADMIN_ROUTES[id as keyof typeof OPERATION_PATHS];
    assert.equal(methodAndPath, `${method} ${path}`, id);
  }
});

describe("a server that isn't an honest admin API", () => {
  test("can't have the token sent elsewhere by a redirect", async (context) => {
    const other = await serve(context, (_, response) => response.writeHead(200, json).end(envelope(ACCOUNT)));
    const { operate } = await serve(context, (_, response) =>
      response.writeHead(307, { ...json, location: other.url }).end(),
    );
    await assert.rejects(operate("getAccount", get), /redirect, which isn't followed/);
    assert.equal(other.requests.length, 0);
  });

  test("can't have the token sent elsewhere by the link to a next page", async (context) => {
    const other = await serve(context, (_, response) => response.writeHead(200, json).end(envelope([])));
    const { operate, requests } = await serve(context, (_, response) =>
      response.writeHead(200, json).end(envelope([ACCOUNT], { next: `${other.url}/?cursor=again` })),
    );
    const accounts = await listAll(operate, "listAccounts", { query: {} });
    assert.equal(accounts.length, 2, "the same cursor twice ends the list");
    assert.equal(requests.length, 2);
    assert.equal(other.requests.length, 0);
  });

  test("is named as none if it answers with a page or with other JSON", async (context) => {
    for (const [type, body] of [
      ["text/html", "<h1>hello</h1>"],
      ["application/json", '{"hello":1}'],
      ["application/json", "not JSON"],
      ["application/json", envelope(null)],
    ] as const) {
      const { operate } = await serve(context, (_, response) =>
        response.writeHead(200, { "content-type": type }).end(body),
      );
      await assert.rejects(operate("getAccount", get), /isn't an admin API/, body);
    }
  });

  test("is left when its answer doesn't end", async (context) => {
    const { operate } = await serve(context, (_, response) => {
      response.writeHead(200, json);
      const write = () => {
        while (!response.destroyed && response.write(" ".repeat(10_000)));
      };
      response.on("drain", write);
      write();
    });
    await assert.rejects(operate("getAccount", get), /larger than any of an admin API/);
  });

  test("is left when it doesn't answer in time", async (context) => {
    const { url } = await serve(context, () => undefined);
    const operate = createRemoteOperations({ url, token: TOKEN }, loadAnswerSchema, { ...LIMITS, msMax: 1 });
    await assert.rejects(operate("getAccount", get), OperatorError);
  });

  test("can't write what a terminal acts on, in a refusal, in data or in the names of members", async (context) => {
    const hostile = "\u001b[2J\u009b\u202egone\u2066\u200b\u2028\ud800";
    const refusing = await serve(context, (_, response) =>
      response.writeHead(409, json).end(refusal("conflict", hostile + "x".repeat(2000))),
    );
    await assert.rejects(refusing.operate("getAccount", get), ({ message }: Error) => {
      assert.match(message, /^\?\[2J\?\?gone\?\?\?\?x+$/);
      return message.length === 1000;
    });
    const warnings = [{ code: "new", message: hostile + "x".repeat(2000) }];
    const { operate } = await serve(context, (_, response) =>
      response.writeHead(200, json).end(envelope({ ...ACCOUNT, name: hostile, [hostile]: 1 }, { warnings })),
    );
    const { data, warnings: shown } = await operate("getAccount", get);
    assert.doesNotMatch(JSON.stringify([data, shown]), /\\u|[^\x20-\x7e]/);
    assert.equal(data.name, "?[2J??gone????");
    assert.equal(shown[0]?.message.length, 1000);
  });

  test("leaves the joiner in a name's emoji, which the service accepts", async (context) => {
    const { operate } = await serve(context, (_, response) =>
      response.writeHead(200, json).end(envelope({ ...ACCOUNT, name: "👩\u200d🔧" })),
    );
    assert.equal((await operate("getAccount", get)).data.name, "👩\u200d🔧");
  });

  test("is left when its list doesn't end", async () => {
    let pages = 0;
    const operate = (() => {
      pages += 1;
      return Promise.resolve({ data: [ACCOUNT], warnings: [], nextCursor: String(pages) });
    }) as unknown as Operate;
    await assert.rejects(listAll(operate, "listAccounts", { query: {} }), /doesn't end: it has more than 10000 pages/);
    assert.equal(pages, 10_000);
  });
});

describe("the registry's document", () => {
  async function readYaml(server: { readonly url: string }): Promise<string> {
    let text = "";
    const document = downloadRegistry({ url: server.url, token: TOKEN }, { format: "yaml", account: "acme" });
    for await (const piece of document) text += piece;
    return text;
  }
  const yaml = { "content-type": "application/yaml; charset=utf-8" };

  test("is passed on as it comes, without what a terminal acts on", async (context) => {
    const server = await serve(context, (_, response) =>
      response.writeHead(200, yaml).end("a: 1\nb: \u001b[2J😀\u202e\n"),
    );
    assert.equal(await readYaml(server), "a: 1\nb: ?[2J😀?\n");
    assert.equal(server.requests[0]?.url, "/api/admin/v1/registry?format=yaml&account=acme");
  });

  test("keeps the ends of lines wherever a piece ends, and nothing else that a terminal acts on", async (context) => {
    const server = await serve(context, (_, response) => {
      response.writeHead(200, { "content-type": "text/csv; charset=utf-8; header=present" });
      const pieces = ["account,name\r", "\nacme,a\rb\r\nacme,", "\u001b[2Jc\r"];
      const writeNext = () => {
        const piece = pieces.shift();
        if (piece === undefined) response.end();
        else response.write(piece, () => setImmediate(writeNext));
      };
      writeNext();
    });
    let text = "";
    for await (const piece of downloadUsers({ url: server.url, token: TOKEN }, { format: "csv" })) text += piece;
    assert.equal(text, "account,name\r\nacme,a?b\r\nacme,?[2Jc?");
    assert.equal(server.requests[0]?.url, "/api/admin/v1/users/export?format=csv");
  });

  test("is left when it pauses for too long, at its beginning or in the middle", async (context) => {
    for (const begins of [false, true]) {
      const { url } = await serve(context, (_, response) => {
        if (begins) response.writeHead(200, yaml).write("a: 1\n");
      });
      const pieces = download({ url, token: TOKEN }, "/registry", "application/yaml", begins ? 100 : 1);
      await assert.rejects(async () => {
        for await (const piece of pieces) assert.equal(piece, "a: 1\n");
      }, /can't be reached \(timeout\)/);
    }
  });

  test("is no document if it breaks off", async (context) => {
    const server = await serve(context, (_, response) => {
      response.writeHead(200, yaml).write("a: 1\n");
      setImmediate(() => response.destroy());
    });
    await assert.rejects(readYaml(server), /what came isn't all of it/);
  });

  test("is refused as other answers are", async (context) => {
    const page = await serve(context, (_, response) =>
      response.writeHead(200, { "content-type": "text/html" }).end("x"),
    );
    await assert.rejects(readYaml(page), /isn't an admin API/);
    const elsewhere = await serve(context, (_, response) => response.writeHead(302, { location: "/" }).end());
    await assert.rejects(readYaml(elsewhere), /redirect, which isn't followed/);
    const refusing = await serve(context, (_, response) =>
      response.writeHead(403, json).end(refusal("forbidden", "Your role doesn't allow this.")),
    );
    await assert.rejects(readYaml(refusing), (error) => error instanceof Refusal && error.code === "forbidden");
  });
});

describe("an answer of another form", () => {
  const forms: readonly (readonly [form: string, what: RegExp, answer: string])[] = [
    ["errors that are no objects", /\/meta\/errors\/0 isn't an object/, envelope(ACCOUNT, { errors: [null] })],
    ["an error without a message", /\/meta\/errors\/0\/message is missing/, envelope({}, { errors: [{ code: "x" }] })],
    ["warnings that are no list", /\/meta\/warnings isn't a list/, envelope(ACCOUNT, { warnings: {} })],
    ["a link that is no text", /\/meta\/next isn't a string or null/, envelope(ACCOUNT, { next: 7 })],
    ["a list in place of an item", /\/data isn't an object/, envelope([ACCOUNT])],
    ["a member of another type", /\/data\/name isn't a string/, envelope({ ...ACCOUNT, name: { toString: 1 } })],
    ["a status of another type", /\/data\/status isn't a string/, envelope({ ...ACCOUNT, status: 1 })],
    ["no time where one is due", /\/data\/created_at isn't a time/, envelope({ ...ACCOUNT, created_at: "soon" })],
    ["a member that is missing", /\/data\/name is missing/, envelope({ ...ACCOUNT, name: undefined })],
  ];
  for (const [form, what, answer] of forms) {
    test(`is refused in one sentence that says what isn't understood: ${form}`, async (context) => {
      const { operate } = await serve(context, (_, response) => response.writeHead(200, json).end(answer));
      await assert.rejects(operate("getAccount", get), (error: Error) => {
        assert.ok(error instanceof OperatorError, String(error));
        assert.match(error.message, /answered with something that this release doesn't understand/);
        assert.doesNotMatch(error.message, /isn't known whether/);
        return what.test(error.message);
      });
    });
  }

  test("to a change says that it may have been made", async (context) => {
    const { operate } = await serve(context, (_, response) => response.writeHead(201, json).end(envelope({ id: 1 })));
    await assert.rejects(operate("createAccount", { body: { shortname: "acme" } }), /understand.* isn't known whether/);
  });

  test("of a newer or an older release is taken as far as it is known", async (context) => {
    const { contact: _contact, ...older } = ACCOUNT;
    const { operate } = await serve(context, (_, response) =>
      response.writeHead(200, json).end(envelope({ ...older, status: "resting", more: 1 })),
    );
    const { data } = await operate("getAccount", get);
    assert.deepEqual([data.contact, data.status], [null, "resting"]);
  });

  test("is checked for every operation", async (context) => {
    const { operate } = await serve(context, (_, response) => response.writeHead(200, json).end(envelope([null])));
    const input = { params: { id: 1, username: "x", shortname: "x", name: "x", number: 1 }, query: {} };
    for (const id of Object.keys(OPERATION_PATHS) as OperationId[]) {
      const operateAny = operate as (id: OperationId, given: object) => Promise<{ data: DataOf<OperationId> }>;
      const body = OPERATION_PATHS[id].startsWith("GET") ? {} : { body: {} };
      await assert.rejects(operateAny(id, { ...input, ...body }), /doesn't understand: \/data/, id);
    }
  });
});

describe("an answer that is lost", () => {
  test("has the creation sent once more, with the same Idempotency-Key", async (context) => {
    let count = 0;
    const { operate, requests } = await serve(context, (_, response) => {
      count += 1;
      response.writeHead(201, json);
      if (count > 1) return response.end(envelope(ACCOUNT));
      response.write('{"meta":');
      return setImmediate(() => response.destroy());
    });
    const { data } = await operate("createAccount", { body: { shortname: "acme" } });
    assert.equal(data.shortname, "acme");
    const keys = requests.map(({ headers }) => headers["idempotency-key"]);
    assert.equal(keys.length, 2);
    assert.equal(keys[0], keys[1]);
  });

  test("twice is an error that says so", async (context) => {
    const { operate, requests } = await serve(context, (_, response) => {
      response.writeHead(201, json).write('{"meta":');
      setImmediate(() => response.destroy());
    });
    await assert.rejects(operate("createAccount", { body: { shortname: "acme" } }), /It isn't known whether/);
    assert.equal(requests.length, 2);
  });
});

describe("a refusal", () => {
  test("has the server's code and message", async (context) => {
    const { operate } = await serve(context, (_, response) =>
      response.writeHead(403, json).end(refusal("forbidden", "Your role doesn't allow this.")),
    );
    await assert.rejects(
      operate("getAccount", get),
      (error) => error instanceof Refusal && error.code === "forbidden" && error.message.startsWith("Your role"),
    );
  });

  test("of the token says what to do, and doesn't repeat the token", async (context) => {
    const { operate } = await serve(context, (_, response) =>
      response.writeHead(401, json).end(refusal("sign_in_required", TOKEN)),
    );
    await assert.rejects(
      operate("getAccount", get),
      (error: Error) => /wrong, expired or revoked/.test(error.message) && !error.message.includes(TOKEN),
    );
  });

  test("of a path that an older server or the public listener doesn't have says so", async (context) => {
    const { operate } = await serve(context, (_, response) =>
      response.writeHead(404, json).end(refusal("not_found", "There is nothing at this path.")),
    );
    await assert.rejects(operate("getAccount", get), /it is the public listener, or its release is older/);
  });
});

test("a name can't lead to another path", async (context) => {
  const { operate, requests } = await serve(context, (_, response) =>
    response.writeHead(200, json).end(envelope(ACCOUNT)),
  );
  for (const shortname of ["", ".", ".."]) {
    await assert.rejects(operate("getAccount", { params: { shortname } }), /There is nothing of that name/);
  }
  await operate("getAccount", { params: { shortname: "../keys?x=1#y" } });
  assert.deepEqual(
    requests.map(({ url }) => url),
    ["/api/admin/v1/accounts/..%2Fkeys%3Fx%3D1%23y"],
  );
});
