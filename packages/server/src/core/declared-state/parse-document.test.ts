import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import fc from "fast-check";
import { refusalOf } from "../../testing/refusal-of.ts";
import { type FieldProblem, Refusal } from "../refusal.ts";
import { checkSchema, PROBLEMS_MAX } from "./check-schema.ts";
import { parseRegistryDocument } from "./parse-document.ts";
import { readDocument, readYaml } from "./read-yaml.ts";
import { REGISTRY_SCHEMA } from "./schema.ts";

const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true });
addFormats.default(ajv);
const fitsSchema = ajv.compile(REGISTRY_SCHEMA);

// Without patterns, which the parser leaves to its own rules.
const fitsForm = ajv.compile(
  JSON.parse(
    JSON.stringify(REGISTRY_SCHEMA, (name, value: unknown) => (name === "pattern" ? undefined : value)),
  ) as object,
);

async function findProblems(value: unknown): Promise<readonly FieldProblem[]> {
  try {
    return parseRegistryDocument(value).problems;
  } catch (error) {
    assert.ok(error instanceof Refusal);
    return error.detail.fields ?? [];
  }
}

const problemsOf = async (value: unknown) => (await findProblems(value)).map(({ field }) => field);

const WHOLE = {
  $schema: "registry.schema.json",
  version: 1,
  accounts: [
    {
      shortname: "acme",
      name: "Acme",
      status: "active",
      key_age_max_seconds: null,
      users: [
        {
          name: "demo",
          access: "full",
          status: "active",
          may_rotate: true,
          networks: ["10.0.0.0/8"],
          keys: [
            { public_key: "…", label: null, status: "revoked", expires_at: "2027-12-31T23:59:59Z", networks: null },
          ],
        },
      ],
    },
  ],
  resource_servers: [{ name: "orders", status: "deactivated" }],
  webhooks: [{ url: "https://hooks.example/", account: null, label: "chat", events: ["key.*"], status: "active" }],
  operators: [{ email: "Alice@example.org", role: "owner", account: null, status: "active" }],
};

describe("the schema and the parser", () => {
  test("agree on a document with every member", () => {
    assert.ok(fitsSchema(WHOLE), JSON.stringify(fitsSchema.errors));
    const { accounts, operators } = parseRegistryDocument(WHOLE);
    const [user] = accounts?.[0]?.users ?? [];
    assert.equal(user?.keys?.[0]?.expiresAtMs, Date.parse("2027-12-31T23:59:59Z"));
    assert.deepEqual(user?.keys?.[0]?.networks, []);
    assert.equal(operators?.[0]?.email, "alice@example.org");
  });

  test("agree on documents in which anything was replaced, removed or added", () => {
    const replacement = fc.oneof(
      fc.constantFrom<unknown>(
        null,
        true,
        "",
        "x",
        "a b",
        0,
        1,
        1.5,
        3600,
        [],
        [1],
        ["x"],
        {},
        [{}],
        "2027-02-30T00:00:00Z",
      ),
      fc.constantFrom<unknown>("2027-12-31", "2027-12-31T23:59:59+01:00", "revoked", "active", "x".repeat(300)),
      fc.constant(REMOVED),
      fc.constant(WITH_UNKNOWN),
    );
    fc.assert(
      fc.property(fc.nat(), replacement, (seed, value) => {
        const paths = pathsOf(WHOLE);
        const document = replaceAt(WHOLE, paths[seed % paths.length] ?? [], value);
        const problems: FieldProblem[] = [];
        checkSchema(document, REGISTRY_SCHEMA, "", problems);
        assert.equal(problems.length === 0, fitsForm(document), JSON.stringify([document, problems]));
        if (problems.length > 0) assert.throws(() => parseRegistryDocument(document), Refusal);
        else if (!fitsSchema(document)) assert.notDeepEqual(parseRegistryDocument(document).problems, []);
      }),
      { numRuns: 2000 },
    );
  });

  test("count characters, not UTF-16 code units", () => {
    const named = (name: string) => ({ accounts: [{ shortname: "acme", name }] });
    // The rule for display names counts code units, and is stricter.
    assert.ok(fitsSchema(named("😀".repeat(100))));
    parseRegistryDocument(named("😀".repeat(100)));
  });
});

describe("a document", () => {
  test("is refused with every problem, each with its place", async () => {
    const fields = await problemsOf({
      accounts: [
        { shortname: "Acme", users: [{ name: "demo", networks: ["10.0.0.1/8"] }, { name: "demo" }] },
        { shortname: "b", name: "a\u0007" },
        { shortname: "b" },
      ],
      resource_servers: [{ name: "x" }, { name: "x" }],
      webhooks: [{ url: "ftp://hooks.example" }, { url: "https://hooks.example", events: ["nonsense"] }],
      operators: [
        { email: "nobody", role: "viewer" },
        { email: "a@example.org", role: "viewer" },
        { email: "A@example.org", role: "viewer" },
      ],
    });
    assert.deepEqual(fields, [
      "/accounts/0/shortname",
      "/accounts/0/users/0/networks",
      "/accounts/0/users/1",
      "/accounts/1/name",
      "/accounts/2",
      "/resource_servers/1",
      "/webhooks/0/url",
      "/webhooks/1/events",
      "/operators/0/email",
      "/operators/2",
    ]);
  });

  test("is refused with members that aren't known, and with null for a list", async () => {
    const fields = await problemsOf({ accounts: [{ shortname: "acme", users: null, "a/b": 1 }], prune: true });
    assert.deepEqual(fields, ["/accounts/0/users", "/accounts/0/a~1b", "/prune"]);
    for (const nothing of [{}, null, [], "", 5, { version: 1 }]) assert.deepEqual(await problemsOf(nothing), [""]);
    assert.deepEqual(await problemsOf({ version: 2, accounts: [] }), ["/version"]);
  });

  test("of one account mentions nothing outside of it", async () => {
    const fields = await problemsOf({
      account: "acme",
      accounts: [{ shortname: "acme" }, { shortname: "other" }],
      resource_servers: [{ name: "orders" }],
      webhooks: [{ url: "https://hooks.example" }, { url: "https://hooks.example", account: "acme" }],
      operators: [{ email: "a@example.org", role: "viewer", account: "other" }],
    });
    assert.deepEqual(fields, [
      "/accounts/1/shortname",
      "/resource_servers/0",
      "/webhooks/0/account",
      "/operators/0/account",
    ]);
  });

  test("has no more problems than can be read, and none that repeats a value", async () => {
    const accounts = Array.from({ length: 500 }, () => ({ shortname: "Not a secret?" }));
    const problems = await findProblems({ accounts: accounts.map((account) => ({ ...account, extra: 1 })) });
    assert.equal(problems.length, PROBLEMS_MAX);
    const wrongNames = await findProblems({ accounts });
    assert.equal(wrongNames.length, PROBLEMS_MAX);
    assert.doesNotMatch(JSON.stringify([problems, wrongNames]), /secret/);
  });
});

describe("YAML", () => {
  test("gives texts for words and times that YAML 1.1 reads in another way", async () => {
    const { value } = await readYaml(
      "a: no\nb: 2027-12-31T23:59:59Z\nc: 0x1F\nd: 010\ne: 'x'\nf: |\n  y\ng: ~\nh: on\r\n",
    );
    assert.deepEqual(
      { ...(value as object) },
      {
        a: "no",
        b: "2027-12-31T23:59:59Z",
        c: 31,
        d: 10,
        e: "x",
        f: "y\n",
        g: null,
        h: "on",
      },
    );
  });

  test("is read with a byte order mark, and JSON is YAML", async () => {
    assert.deepEqual({ ...((await readYaml("\ufeffa: [1]")).value as object) }, { a: [1] });
    const json = JSON.stringify(WHOLE);
    for (const read of [readYaml, readDocument]) {
      const { value, placeOf } = await read(json);
      assert.deepEqual(parseRegistryDocument(value), parseRegistryDocument(WHOLE));
      assert.equal(await placeOf("/version"), `line 1, column ${json.indexOf('"version"') + 1}`);
    }
    const { message } = await refusalOf(readDocument('{"accounts":[],"accounts":[]}'));
    assert.match(message, /line 1, column 16: The object has a member of this name already/);
  });

  for (const [what, text, place] of [
    ["nesting deeper than the parser can follow", `a: ${"[".repeat(200_000)}`, "line 1, column"],
    ["an alias", "a: &x [1]\nb: *x", "line 1, column 7"],
    ["an alias bomb", `a: &a [x]\n${"b: &b [*a, *a]\n".repeat(30)}`, "line 1, column 7"],
    ["a merge key that would need an alias", "a: 1\n<<: *x", "line 2, column 5"],
    ["a tag", "a: 1\nb: !!binary aGk=", "line 2, column 13"],
    ["a tag of one's own", "a: !secret x", "line 1, column 12"],
    ["a member that is there twice", "a: 1\nb: 2\na: 3", "line 3, column 1"],
    ["a member that is there twice, in JSON", '{"a":1,"a":2}', "line 1, column 8"],
    ["a second document", "a: 1\n---\nb: 2", "line 2, column 1"],
    ["another version of YAML", "%YAML 1.1\n---\na: no", "line 1"],
    ["a key that is a number", "1: 2", "line 1, column 1"],
    ["a key that is a list", "? [a]\n: 2", "line 1, column 3"],
    ["NUL", "a: 1\nb: x\0", "line 2"],
    ["nesting without end", "[".repeat(5000), "line 1, column"],
    ["an open bracket", "a: [1", "line 1, column"],
    ["a tab as indentation", "a:\n\t- b", "line 2, column 1"],
  ] as const) {
    test(`is refused with ${what}, and says where`, async () => {
      const { code, message } = await refusalOf(readYaml(text));
      assert.equal(code, "field_invalid");
      assert.ok(message.startsWith(`The document isn't valid. ${place}`), message);
      assert.doesNotMatch(message, /call stack/);
    });
  }

  test("names like __proto__ are members that aren't known", async () => {
    const { value } = await readYaml("__proto__: {accounts: []}\naccounts: []\nconstructor: 1");
    assert.deepEqual(await problemsOf(value), ["/__proto__", "/constructor"]);
  });

  test("tells where a pointer leads, as far as it exists", async () => {
    const { placeOf } = await readYaml("accounts:\n  - shortname: acme\n    users:\n      - name: Demo\n");
    assert.equal(await placeOf("/accounts/0/users/0/name"), "line 4, column 9");
    assert.equal(await placeOf("/accounts/0/users"), "line 3, column 5");
    assert.equal(await placeOf("/accounts/0/name/x"), "line 2, column 5");
    assert.equal(await placeOf(""), "line 1, column 1");
  });
});

const REMOVED = Symbol("removed");
const WITH_UNKNOWN = Symbol("with an unknown member");

type Path = readonly (string | number)[];

/** The paths of all values in it. */
function pathsOf(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== "object" || value === null) return [path];
  const own = Array.isArray(value) ? value.map((each, index) => [index, each] as const) : Object.entries(value);
  return [path, ...own.flatMap(([name, each]) => pathsOf(each, [...path, name]))];
}

function replaceAt(value: unknown, [name, ...rest]: Path, replacement: unknown): unknown {
  if (name === undefined) {
    return replacement === WITH_UNKNOWN ? { ...(value as object), unknown: 1 } : replacement;
  }
  const copy = structuredClone(value) as Record<string | number, unknown>;
  if (rest.length === 0 && replacement === REMOVED) {
    if (Array.isArray(copy)) copy.splice(Number(name), 1);
    else Reflect.deleteProperty(copy, name);
  } else copy[name] = replaceAt(copy[name], rest, replacement);
  return copy;
}
