import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { Refusal } from "../../../core/refusal.ts";
import { pageLinks, parsePage } from "./cursor.ts";

const page = { items: [{ id: 7 }, { id: 5 }], hasNext: true, hasPrevious: true, count: 9, before: 2 };
const links = (target: string) => pageLinks(page, target, ({ id }) => [id]);

function cursorOf(link: string | null): string {
  return new URLSearchParams(link?.split("?")[1]).get("cursor") ?? "";
}

describe("a page's links", () => {
  test("lead after its last item and before its first, and keep the query's parameters", () => {
    const { next, previous } = links("/api/admin/v1/users?status=active&limit=2&q=a%26b");
    assert.match(next ?? "", /^\/api\/admin\/v1\/users\?status=active&limit=2&q=a%26b&cursor=[\w-]+$/);
    assert.deepEqual(parsePage({ cursor: cursorOf(next) }).from, { key: [5], direction: "after" });
    assert.deepEqual(parsePage({ cursor: cursorOf(previous) }).from, { key: [7], direction: "before" });
  });

  test("replace the cursor that led there", () => {
    const { next } = links(`/users?cursor=${cursorOf(links("/users").next)}`);
    assert.equal(next?.match(/cursor=/g)?.length, 1);
  });

  test("are null where there is nothing more", () => {
    const last = pageLinks({ ...page, hasNext: false, hasPrevious: false }, "/users", ({ id }) => [id]);
    assert.deepEqual(last, { next: null, previous: null });
    const empty = pageLinks({ ...page, items: [] }, "/users", ({ id }: { id: number }) => [id]);
    assert.deepEqual(empty, { next: null, previous: null });
  });
});

describe("a cursor", () => {
  test("that isn't from this list is refused and never a defect, whatever it is", () => {
    const refuses = (cursor: string, kinds?: ("string" | "number")[]) => {
      assert.throws(
        () => parsePage({ cursor }, kinds && { kinds }),
        (error: unknown) => error instanceof Refusal && error.code === "field_invalid",
        cursor,
      );
    };
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    for (const value of [
      [],
      ["after"],
      ["after", "7"],
      ["after", 7, 8],
      ["beside", 7],
      ["after", 1.5],
      ["after", null],
      {},
      7,
      "x",
      null,
    ]) {
      refuses(encode(value));
    }
    refuses(encode(["after", 7]), ["string", "number"]);
    fc.assert(
      fc.property(fc.string(), (text) => {
        if (text !== "") refuses(text);
      }),
    );
  });

  test("of a list by name holds the name and the id", () => {
    const cursor = Buffer.from(JSON.stringify(["before", "name", 3])).toString("base64url");
    assert.deepEqual(parsePage({ cursor, limit: 5 }, { kinds: ["string", "number"] }), {
      limit: 5,
      from: { key: ["name", 3], direction: "before" },
    });
  });

  test("of one order or direction is refused in every other", () => {
    const orders = [
      { kinds: ["number"] },
      { kinds: ["number"], isReversed: true },
      { kinds: ["number"], name: "expiry" },
      { kinds: ["number"], name: "expiry", isReversed: true },
      { kinds: ["number"], name: "idle" },
    ] as const;
    for (const order of orders) {
      const { next } = pageLinks(page, "/keys", ({ id }) => [id], order);
      for (const other of orders) {
        const read = () => parsePage({ cursor: cursorOf(next), limit: 2 }, other);
        if (other !== order) assert.throws(read, { code: "field_invalid" }, JSON.stringify([order, other]));
        else assert.deepEqual(read().from, { key: [5], direction: "after" });
      }
    }
  });

  test("that is missing means the first page", () => {
    assert.deepEqual(parsePage({}), { limit: 50 });
  });
});
