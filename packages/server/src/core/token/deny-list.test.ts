import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createDenyList } from "./deny-list.ts";
import { formatTokenId, type TokenIdentity } from "./token-identity.ts";

const TOKEN: TokenIdentity = { keyId: 3, expiresAtSeconds: 1_481_653_854, nonce: 968_668_528 };

describe("the deny-list", () => {
  test("knows a token that was added, and none that differs from it in one number", () => {
    const list = createDenyList();
    assert.equal(list.has(TOKEN), false);
    list.add(TOKEN);
    assert.equal(list.has({ ...TOKEN }), true);
    for (const step of [-1, 1]) {
      for (const name of ["keyId", "expiresAtSeconds", "nonce"] as const) {
        assert.equal(list.has({ ...TOKEN, [name]: TOKEN[name] + step }), false, `${name} ${step}`);
      }
    }
  });

  test("distinguishes the greatest nonce of one key from the least of the next", () => {
    const list = createDenyList();
    list.add({ ...TOKEN, keyId: 1, nonce: 0xffff_ffff });
    assert.equal(list.has({ ...TOKEN, keyId: 2, nonce: 0 }), false);
    list.add({ ...TOKEN, keyId: 1, nonce: 2 ** 31 });
    assert.equal(list.has({ ...TOKEN, keyId: 2, nonce: 0 }), false);
    // The last key id for which both fit into a number together.
    const last = 2 ** 21 - 1;
    list.add({ ...TOKEN, keyId: last, nonce: 0xffff_ffff });
    assert.equal(list.has({ ...TOKEN, keyId: last, nonce: 0xffff_ffff }), true);
    assert.equal(list.has({ ...TOKEN, keyId: last, nonce: 0xffff_fffe }), false);
  });

  test("counts a token once, however often it was added", () => {
    const list = createDenyList();
    list.add(TOKEN);
    list.add(TOKEN);
    assert.equal(list.size, 1);
    list.add({ ...TOKEN, nonce: 1 });
    list.add({ ...TOKEN, expiresAtSeconds: 1 });
    assert.equal(list.size, 3);
  });

  test("forgets what expired before a given second, and keeps what expires in it", () => {
    const list = createDenyList();
    for (const offset of [-1, 0, 1]) list.add({ ...TOKEN, expiresAtSeconds: 1000 + offset });
    list.forgetExpired(1000);
    assert.deepEqual(
      [-1, 0, 1].map((offset) => list.has({ ...TOKEN, expiresAtSeconds: 1000 + offset })),
      [false, true, true],
    );
    assert.equal(list.size, 2);
    list.forgetExpired(5000);
    assert.equal(list.size, 0);
  });

  test("behaves like a set of tokens, whatever is added and forgotten in whatever order", () => {
    // Few values, so that equal ones are common.
    const token = fc.record({
      keyId: fc.constantFrom(1, 2, 2 ** 21 - 1),
      expiresAtSeconds: fc.constantFrom(0, 10, 11, 12, 0xffff_ffff),
      nonce: fc.constantFrom(0, 1, 0xffff_ffff),
    });
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ add: token }) },
      { weight: 1, arbitrary: fc.record({ forget: fc.constantFrom(0, 10, 11, 12, 13) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.array(token, { maxLength: 10 }), (steps, asked) => {
        const list = createDenyList();
        const model = new Map<string, TokenIdentity>();
        for (const each of steps) {
          if ("add" in each) {
            list.add(each.add);
            model.set(formatTokenId(each.add), each.add);
          } else {
            list.forgetExpired(each.forget);
            for (const [id, { expiresAtSeconds }] of model) if (expiresAtSeconds < each.forget) model.delete(id);
          }
          assert.equal(list.size, model.size);
        }
        for (const each of asked) assert.equal(list.has(each), model.has(formatTokenId(each)));
        for (const each of model.values()) assert.equal(list.has(each), true);
      }),
    );
  });
});
