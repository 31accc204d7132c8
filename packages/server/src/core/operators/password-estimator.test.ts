import assert from "node:assert/strict";
import { registerHooks } from "node:module";
import { test } from "node:test";
import { checkNewPassword } from "./password-rules.ts";

test("a password is judged again after the estimator couldn't be loaded, as without a free file descriptor", async () => {
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      if (specifier.startsWith("@zxcvbn-ts/")) throw new Error("too many open files");
      return next(specifier, context);
    },
  });
  await assert.rejects(checkNewPassword("password", "8f!K2mZp0Qw7Lx5", "alice@example.com"), /too many open files/);
  hooks.deregister();
  assert.equal(await checkNewPassword("password", "8f!K2mZp0Qw7Lx5", "alice@example.com"), "8f!K2mZp0Qw7Lx5");
});
