/**
 * What every engine must do so that a store is told apart from others and from its own past. Only tests import this.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openEachStore } from "./each-store-contract.ts";
import type { StoreUnderTest } from "./store-contract.ts";

export function testIdentityStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`the store's identity on ${name}`, () => {
    const each = openEachStore(open);

    test("is 128 bits, the same on every connection and after a restart, and another for each store", async () => {
      const id = await each.store.storeId();
      assert.match(id, /^[0-9a-f]{32}$/);
      assert.equal(await each.store.transaction((transaction) => transaction.storeId()), id);
      assert.equal(await (await each.connect()).storeId(), id);
      await each.reopen();
      assert.equal(await each.store.storeId(), id);
      const another = await open();
      assert.notEqual(await another.store.storeId(), id);
      await another.store.close();
      await another.cleanup();
    });
  });
}
