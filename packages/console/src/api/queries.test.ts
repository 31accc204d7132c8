import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { afterEach, describe, test } from "node:test";
import { QueryObserver } from "@tanstack/react-query";
import { makeChange, queries } from "./queries.ts";

describe("a change", () => {
  const unsubscribe: (() => void)[] = [];
  afterEach(() => {
    for (const each of unsubscribe.splice(0)) each();
    queries.clear();
  });

  /** Shows a query as a page does. @returns how often it was read; the first time has passed */
  async function show(name: string, staleTime: number | "static"): Promise<() => number> {
    let reads = 0;
    const observer = new QueryObserver(queries, {
      queryKey: [name],
      queryFn: () => Promise.resolve(++reads),
      staleTime,
    });
    unsubscribe.push(observer.subscribe(() => undefined));
    await observer.refetch({ cancelRefetch: false });
    assert.equal(reads, 1);
    return () => reads;
  }

  test("is done only once everything on the page has been read again", async () => {
    const reads = [await show("users", 5000), await show("audit", 60_000)];
    assert.equal(await makeChange(() => Promise.resolve("changed")), "changed");
    assert.deepEqual(
      reads.map((count) => count()),
      [2, 2],
    );
  });

  test("that fails makes the page be read again too", async () => {
    const reads = await show("users", 5000);
    const error = new Error("refused");
    await assert.rejects(
      makeChange(() => Promise.reject(error)),
      error,
    );
    assert.equal(reads(), 2);
  });

  test("leaves a static query alone", async () => {
    const reads = await show("link", "static");
    await makeChange(() => Promise.resolve());
    assert.equal(reads(), 1);
  });

  test("leaves nothing of its result behind", async () => {
    const cache = queries.getMutationCache();
    const events = new EventEmitter();
    unsubscribe.push(cache.subscribe(({ type }) => events.emit(type)));
    await makeChange(() => Promise.resolve("a secret"));
    while (cache.getAll().length > 0) await once(events, "removed");
  });
});
