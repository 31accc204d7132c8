import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { generateKeyPairSync } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CHECK_PATH, type Envelope, METRICS_PATH, OPENAPI_PATH, REFRESH_PATH } from "@countersign/protocol";
import { Command } from "commander";
import { createAccount } from "../core/accounts/changes.ts";
import type { ChangeTx } from "../core/change/change-tx.ts";
import { createOwnKeyProofs } from "../core/key-statements/own-key-proofs.ts";
import { signKeyProof } from "../core/key-statements/sign-key-proof.ts";
import { parsePublicKey } from "../core/keys/admission.ts";
import { addKey, changeKey } from "../core/keys/changes.ts";
import { createUser } from "../core/users/changes.ts";
import { type ExchangeAnswer, exchangeOverHttp, signAssertion } from "./client.ts";
import { keepRenewed } from "./keep-renewed.ts";
import { type CliContext, type CliService, paint } from "./context.ts";
import { shellWord } from "./shell-word.ts";
import { commitAs } from "./store-flags.ts";
import { wrapText } from "./wrap-text.ts";
import { OperatorError } from "../core/operator-error.ts";

const TTL_SECONDS = "3600";

const STORY_COLUMNS = 78;

/** How often the file that the printed lines send is signed anew, in milliseconds: an assertion is good for 60 s. */
const RENEWAL_MS = 20_000;

interface Options {
  readonly exit?: boolean;
  readonly verbose?: boolean;
}

export function demoCommand(context: CliContext): Command {
  return new Command("demo")
    .option("--exit", "end after the last step; the status is 0 only if every step succeeded")
    .option("--verbose", "print assertions and answers in full")
    .action(async (options: Options) => {
      const folder = mkdtempSync(join(tmpdir(), "countersign-demo-"));
      const stopped = context.untilSignal();
      try {
        // The environment is ignored: a demo must not touch a real store or listen at another address.
        const flags = { dataDir: folder, port: "0", adminPort: "0", logLevel: "silent", drainDelay: "0s" };
        const config = context.configOfFlags(flags);
        const service = await context.startQuietService(config);
        try {
          const renewAssertion = await runSteps(context, service, folder, options.verbose === true);
          if (options.exit !== true) {
            const setup = await context.makeSetupLink(config, service.adminUrl);
            renewAssertion();
            const end = keepRenewed(context, "The assertion in the demo's folder", RENEWAL_MS, renewAssertion);
            await stayUp(context, service, folder, setup?.url, stopped);
            end();
          }
        } finally {
          await service.stop();
        }
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
}

const STORY =
  "A client has a private key; the service knows only its public half. The client signs an assertion, exchanges it for a token, and " +
  "calls an API with the token. Then an administrator deactivates the key, and the token is dead at once.";

/** Tells the story. @returns what puts a new assertion into the file that the printed lines send */
async function runSteps(
  context: CliContext,
  service: CliService,
  folder: string,
  isVerbose: boolean,
): Promise<() => void> {
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
  const countersign = (words: string) => `${context.programName} ${words} --data-dir ${shellWord(folder)}`;

  for (const line of wrapText(STORY, STORY_COLUMNS)) say(line);
  say(`\nCountersign ${context.version} runs at ${publicUrl}, with a throw-away store.`);
  say("From step 4 on, each line after a $ works in another terminal while the demo runs.");

  step("An account, for the owner of the client", countersign("account create acme --name Acme"));
  const account = await commit((tx) => createAccount(tx, { shortname: "acme", name: "Acme" }));
  result(`account ${account.shortname}, id ${account.id}`);

  step("An API user in it: the client", countersign("user create demo --account acme"));
  const user = await commit((tx) => createUser(tx, { name: "demo", account: "acme", access: "full" }));
  result(`username ${user.username}`);

  const keyFile = join(folder, "private.pem");
  step(
    "Its key pair; the service keeps the public half only",
    countersign(`key generate ${user.username} --out ${shellWord(keyFile)}`),
  );
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const privatePem = privateKey.export({ format: "pem", type: "pkcs8" });
  writeSecretFile(keyFile, privatePem);
  const publicPem = publicKey.export({ format: "pem", type: "spki" });
  const parsed = parsePublicKey(publicPem);
  const proofs = createOwnKeyProofs(context.clock, context.random);
  const proofText = signKeyProof(proofs.signingInput(proofs.makeChallenge(), user.username), privateKey);
  const proof = await proofs.verify({ key: parsed, username: user.username, text: proofText });
  const admitted = await service.admitKey(parsed, context.actor);
  const key = await commit((tx) => addKey(tx, { username: user.username, admitted, proof }));
  result(`key ${key.id}, ${key.fingerprint}`);

  /** The curl options that send a header: the header itself, or the name of a file that holds it, which is shorter. */
  const sends = (file: string, header: string) => {
    if (isVerbose) return `'${header}'`;
    writeSecretFile(join(folder, file), `${header}\n`);
    return shellWord(`@${join(folder, file)}`);
  };
  const folded = (file: string, header: string) => {
    if (!isVerbose) result(paint(context, "dim", `${file}: ${header.slice(0, 46)}… (${header.length} characters)`));
  };

  const exchangeOnce = async (title: string) => {
    const assertion = signAssertion(user.username, privatePem, context.clock.nowMicroseconds() / 1e6);
    const header = `Authorization: JWT ${assertion}`;
    step(title, `curl -H ${sends("assertion", header)} '${publicUrl}${REFRESH_PATH}?ttl=${TTL_SECONDS}'`);
    folded("assertion", header);
    const answer = await exchangeOverHttp(publicUrl, assertion, TTL_SECONDS);
    const [refused] = answer.envelope.meta.errors;
    const said = refused === undefined ? `a token that is good for ${TTL_SECONDS} s` : reasonOf(refused);
    result(`HTTP ${answer.status}: ${said}\n${isVerbose ? JSON.stringify(answer.envelope) : foldAnswer(answer)}`);
    return answer;
  };
  const checkOnce = async (title: string, token: string) => {
    const url = `${publicUrl}${CHECK_PATH}`;
    step(title, `curl -i -H ${sends("token", `Authorization: Token ${token}`)} '${url}'`);
    const answer = await fetch(url, { headers: { authorization: `Token ${token}` } });
    const [refused] = readErrors(await answer.text());
    const caller = answer.headers.get("x-auth-username");
    const said = refused === undefined ? `, X-Auth-Username: ${caller ?? ""}` : `: ${reasonOf(refused)}`;
    result(`HTTP ${answer.status}${said}`);
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
  const refused = await exchangeOnce("The service refuses the key's assertions");
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
  return () => {
    const assertion = signAssertion(user.username, privatePem, context.clock.nowMicroseconds() / 1e6);
    const file = join(folder, "assertion");
    writeSecretFile(`${file}.new`, `Authorization: JWT ${assertion}\n`);
    renameSync(`${file}.new`, file);
  };
}

/** The folder is this process's own, and so is the file. */
function writeSecretFile(file: string, text: string): void {
  writeFileSync(file, text, { mode: 0o600 });
  chmodSync(file, 0o600);
}

function reasonOf({ code, message }: { readonly code: string; readonly message: string }): string {
  return `${code}. ${message}`;
}

/** The errors of an answer in the envelope; none in an empty body. */
function readErrors(body: string): Envelope<unknown>["meta"]["errors"] {
  return body === "" ? [] : (JSON.parse(body) as Envelope<unknown>).meta.errors;
}

/** An answer of the exchange with the members that matter here. */
function foldAnswer({ envelope: { meta, data } }: ExchangeAnswer): string {
  const [refused] = meta.errors;
  const errors = refused === undefined ? "" : `,"errors":[{"code":"${refused.code}",…}]`;
  const grant =
    data.token === undefined ? "" : `"token":"${data.token.slice(0, 12)}…","expires_in":${data.expires_in ?? 0},…`;
  return `{"meta":{"code":${meta.code}${errors},…},"data":{${grant}}}`;
}

async function stayUp(
  context: CliContext,
  { publicUrl, adminUrl }: CliService,
  folder: string,
  setupUrl: string | undefined,
  stopped: Promise<unknown>,
): Promise<void> {
  const command = (words: string) => `  ${context.programName} ${words} --data-dir ${shellWord(folder)}`;
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
            "",
            "Be the console's first owner with this link, which works once:",
            paint(context, "cyan", setupUrl),
          ]),
      "",
      "What next, in another terminal:",
      command(`explain "$(cat ${shellWord(join(folder, "assertion"))})"`),
      "      why the exchange accepts the client's assertion",
      command("audit list"),
      "      who changed what",
      "  docs/protecting-an-api.md puts the check before an API of yours.",
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
