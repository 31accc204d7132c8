import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { generateKeyPairSync } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHECK_PATH, METRICS_PATH, OPENAPI_PATH, REFRESH_PATH } from "@countersign/protocol";
import { Command } from "commander";
import { createAccount } from "../core/accounts/changes.ts";
import type { ChangeTx } from "../core/change/change-tx.ts";
import { parsePublicKey } from "../core/keys/admission.ts";
import { addKey, changeKey } from "../core/keys/changes.ts";
import { createUser } from "../core/users/changes.ts";
import { exchangeOverHttp, signAssertion } from "./client.ts";
import { proveGeneratedKey } from "./key-proof.ts";
import { type CliContext, type CliService, paint } from "./context.ts";
import { commitAs } from "./store-flags.ts";
import { OperatorError } from "../core/operator-error.ts";

const TTL_SECONDS = "3600";

export function demoCommand(context: CliContext): Command {
  return new Command("demo")
    .option("--exit", "end after the last step; the status is 0 only if every step succeeded")
    .action(async ({ exit }: { exit?: boolean }) => {
      const folder = mkdtempSync(join(tmpdir(), "countersign-demo-"));
      const stopped = context.untilSignal();
      try {
        // The environment is ignored: a demo must not touch a real store or listen at another address.
        const flags = { dataDir: folder, port: "0", adminPort: "0", logLevel: "silent", drainDelay: "0s" };
        const config = context.configOfFlags(flags);
        const service = await context.startQuietService(config);
        try {
          await runSteps(context, service, folder);
          if (exit !== true) {
            const setup = await context.makeSetupLink(config, service.adminUrl);
            await stayUp(context, service, setup?.url, stopped);
          }
        } finally {
          await service.stop();
        }
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
}

async function runSteps(context: CliContext, service: CliService, folder: string): Promise<void> {
  const { publicUrl } = service;
  const commit = <Result>(work: (tx: ChangeTx) => Promise<Result>) => commitAs(context, service, work);
  const say = (line: string) => context.stdout.write(`${line}\n`);
  let number = 0;
  const step = (title: string, command: string) => {
    say(`\n${paint(context, "bold", `${++number}. ${title}`)}\n   ${paint(context, "cyan", `$ ${command}`)}`);
  };
  const result = (text: string) => {
    say(text.replaceAll(/^/gm, "   "));
  };
  const countersign = (words: string) => `countersign ${words} --data-dir ${folder}`;

  say(`Countersign ${context.version} runs at ${publicUrl}, with a throw-away store in ${folder}.`);

  step("An account, for the owner of the client", countersign("account create acme --name Acme"));
  const account = await commit((tx) => createAccount(tx, { shortname: "acme", name: "Acme" }));
  result(`account ${account.shortname}, id ${account.id}`);

  step("An API user in it: the client", countersign("user create demo --account acme"));
  const user = await commit((tx) => createUser(tx, { name: "demo", account: "acme", access: "full" }));
  result(`username ${user.username}`);

  const keyFile = join(folder, "private.pem");
  step(
    "Its key pair; the service keeps the public half only",
    countersign(`key generate ${user.username} --out ${keyFile}`),
  );
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const privatePem = privateKey.export({ format: "pem", type: "pkcs8" });
  writeFileSync(keyFile, privatePem, { mode: 0o600 });
  chmodSync(keyFile, 0o600);
  const publicPem = publicKey.export({ format: "pem", type: "spki" });
  const parsed = parsePublicKey(publicPem);
  const proof = await proveGeneratedKey(context, privateKey, { key: parsed, username: user.username });
  const admitted = await service.admitKey(parsed, context.actor);
  const key = await commit((tx) => addKey(tx, { username: user.username, admitted, proof }));
  result(`key ${key.id}, ${key.fingerprint}`);

  const exchangeOnce = async (title: string) => {
    const assertion = signAssertion(user.username, privatePem, context.clock.nowMicroseconds() / 1e6);
    step(title, `curl -H 'Authorization: JWT ${assertion}' '${publicUrl}${REFRESH_PATH}?ttl=${TTL_SECONDS}'`);
    const answer = await exchangeOverHttp(publicUrl, assertion, TTL_SECONDS);
    result(`HTTP ${answer.status}\n${JSON.stringify(answer.envelope)}`);
    return answer;
  };
  const checkOnce = async (title: string, token: string) => {
    const url = `${publicUrl}${CHECK_PATH}`;
    step(title, `curl -i -H 'Authorization: Token ${token}' '${url}'`);
    const answer = await fetch(url, { headers: { authorization: `Token ${token}` } });
    await answer.arrayBuffer();
    const caller = answer.headers.get("x-auth-username");
    result(`HTTP ${answer.status}${caller === null ? "" : `, X-Auth-Username: ${caller}`}`);
    return { status: answer.status, caller };
  };

  const granted = await exchangeOnce(
    "The client signs an assertion and exchanges it for a token (an assertion is good for 60 s)",
  );
  const { token } = granted.envelope.data;
  expect(granted.status === 200 && token !== undefined, "the exchange grants a token");
  const checked = await checkOnce("The API that the client calls, or its gateway, checks the token", token ?? "");
  expect(
    checked.status === 200 && checked.caller === user.username,
    "the check accepts the token and names the caller",
  );

  step("An administrator deactivates the key", countersign(`key deactivate ${key.id}`));
  await commit((tx) => changeKey(tx, key.id, { status: "deactivated" }));
  result(`key ${key.id} is deactivated`);
  const refused = await exchangeOnce("The service refuses the key's assertions: 403");
  expect(
    refused.status === 403 && refused.envelope.meta.errors[0]?.code === "key_deactivated",
    "the exchange answers 403 key_deactivated",
  );
  const dead = await checkOnce("Every token minted under the key is inactive immediately", token ?? "");
  expect(dead.status === 403, "the check answers 403 for the revoked token");

  step("The administrator activates the key again", countersign(`key activate ${key.id}`));
  await commit((tx) => changeKey(tx, key.id, { status: "active" }));
  result(`key ${key.id} is active`);
  const again = await exchangeOnce("The client can exchange assertions again");
  expect(again.status === 200, "the exchange grants a token again");
  const alive = await checkOnce("The first token hasn't expired, so it works again", token ?? "");
  expect(alive.status === 200, "the check accepts the first token again");
  say(`\n${paint(context, "green", "Every step succeeded.")}`);
}

async function stayUp(
  context: CliContext,
  { publicUrl, adminUrl }: CliService,
  setupUrl: string | undefined,
  stopped: Promise<unknown>,
): Promise<void> {
  context.stdout.write(
    [
      "",
      `public listener    ${publicUrl}`,
      `internal listener  ${adminUrl}  (console, ${METRICS_PATH}, /readyz, ${OPENAPI_PATH})`,
      // The link's origin, because passkeys work only there.
      ...(setupUrl === undefined
        ? []
        : [
            `console            ${new URL(setupUrl).origin}`,
            `be the first owner ${paint(context, "cyan", setupUrl)}  (works once)`,
          ]),
      "",
      "Running until Ctrl-C; the store is then removed.",
      "",
    ].join("\n"),
  );
  await stopped;
}

function expect(isTrue: boolean, expectation: string): void {
  if (!isTrue) throw new OperatorError(`The demo failed; expected: ${expectation}.`);
}
