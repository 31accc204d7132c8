import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { endProof, noteSignedIn, noteSignedOut } from "../session/session.ts";
import { request } from "./client.ts";

const refused = (code: string) => ({
  error: { meta: { code: 401, errors: [{ code, message: "No." }], warnings: [] }, data: {} },
  response: new Response(null, { status: 401 }),
});
const done = () => ({ data: "done", response: new Response(null, { status: 200 }) });

describe("a change that is refused for want of a sign-in", () => {
  /** Its answers, which a test gives one by one. */
  let sent: ((answer: ReturnType<typeof refused> | ReturnType<typeof done>) => void)[];
  const send = () => new Promise<{ data?: string; error?: unknown; response: Response }>((answer) => sent.push(answer));
  const turn = () => new Promise((resolve) => setImmediate(resolve));

  beforeEach(() => {
    sent = [];
    noteSignedIn({ operator: { id: 1 } });
  });
  afterEach(noteSignedOut);

  for (const [code, signInAgain] of [
    ["sign_in_required", () => noteSignedIn({ operator: { id: 1 } })],
    ["fresh_sign_in_required", () => endProof(true)],
  ] as const) {
    test(`as ${code} is sent again once the same operator has signed in`, async () => {
      const change = request(send);
      sent[0]?.(refused(code));
      await turn();
      assert.equal(sent.length, 1);
      signInAgain();
      await turn();
      sent[1]?.(done());
      assert.equal((await change).body, "done");
    });

    test(`as ${code} isn't sent again where another operator signed in before the refusal came`, async () => {
      const change = request(send);
      noteSignedOut();
      noteSignedIn({ operator: { id: 2 } });
      sent[0]?.(refused(code));
      await assert.rejects(change, { code });
      assert.equal(sent.length, 1);
    });
  }
});
