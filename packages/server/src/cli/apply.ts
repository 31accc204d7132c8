import { isUtf8 } from "node:buffer";
import { appendFileSync, closeSync, fsyncSync, ftruncateSync, openSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import type { Config, Flags } from "../config/config.ts";
import { findUnnamedProxy } from "../config/unnamed-proxy.ts";
import { unrestrictedAuthor } from "../core/change/change-tx.ts";
import { type ApplyDependencies, applyRegistry } from "../core/declared-state/apply-registry.ts";
import type { DeclaredRegistry } from "../core/declared-state/model.ts";
import { parseRegistryDocument } from "../core/declared-state/parse-document.ts";
import { planJson, planRegistry } from "../core/declared-state/plan.ts";
import { DOCUMENT_BYTES_MAX, readDocument } from "../core/declared-state/read-yaml.ts";
import type { MadeSecret } from "../core/declared-state/step.ts";
import { OperatorError } from "../core/operator-error.ts";
import { Refusal } from "../core/refusal.ts";
import { errorCode, errorProblem } from "../platform/error-code.ts";
import {
  type CliAdministration,
  type CliContext,
  NegativeResult,
  note,
  print,
  readStdinBytes,
  WrongUsage,
} from "./context.ts";
import { findServer } from "./find-server.ts";
import { UnusableAnswer, type Operate, type PlanJson } from "./operations.ts";
import { formatPlan, formatSecret, formatSummary } from "./plan-text.ts";
import { readSmallFile } from "./read-file.ts";
import { creating, type NewStoreFlag, withAdministration, withNewStoreFlag } from "./store-flags.ts";
import { noteTarget, withOperations, withTargetFlags } from "./target.ts";

interface Options extends Flags, NewStoreFlag {
  readonly file: string;
  readonly dryRun?: boolean;
  readonly prune?: boolean;
  readonly secretsOut?: string;
  readonly url?: string;
  readonly json?: boolean;
}

export function applyCommand(context: CliContext): Command {
  return withNewStoreFlag(withTargetFlags(new Command("apply")))
    .requiredOption("-f, --file <file>", "the document, YAML or JSON; - reads standard input", once)
    .option("--dry-run", "only say what would change; exit status 2 if something would")
    .option("--prune", "switch off what the document's lists don't mention; nothing is ever deleted")
    .option("--secrets-out <file>", "write new secrets and links to this new file, mode 0600, instead of printing them")
    .option("--url <url>", "URL of the console, for links (COUNTERSIGN_ADMIN_URL; default http://localhost:8081)")
    .option("--json", "print JSON")
    .action(async ({ url, ...given }: Options) => {
      const { file, dryRun = false } = given;
      const isOnServer = findServer(context, given) !== undefined;
      if (isOnServer && url !== undefined) {
        throw new WrongUsage("--url is for the links that are made here; a server makes them with its own URL.");
      }
      const text = await readText(context, file);
      const work = dryRun ? dryRunOf : applyOf;
      await explainingProblems(context, text, async (value) => {
        // A document of another form is refused before a store is created for it.
        const registry = parseRegistryDocument(value);
        if (isOnServer) {
          if (!dryRun) noteTarget(context, given);
          await withOperations(context, given, (operate) =>
            work(context, given, serverApplying(context, operate, given, value as object)),
          );
          return;
        }
        const options = url === undefined ? given : { ...given, adminUrl: url };
        await withAdministration(
          context,
          options,
          (administration) => work(context, options, storeApplying(context, administration, options, registry)),
          dryRun ? {} : creating(options),
        );
      });
    });
}

function once(value: string, previous: string | undefined): string {
  if (previous !== undefined) throw new InvalidArgumentError("It is given twice; apply takes one document.");
  return value;
}

/** Reads UTF-8, with or without a byte order mark. */
async function readText(context: CliContext, file: string): Promise<string> {
  const bytes =
    file === "-"
      ? await readStdinBytes(context, DOCUMENT_BYTES_MAX)
      : readSmallFile(file, DOCUMENT_BYTES_MAX, "a document");
  if (!isUtf8(bytes)) throw new OperatorError("The document isn't UTF-8.");
  return bytes.toString("utf8");
}

/** Runs the work with the document's value. Prints each problem of the document on a line of its own, with its place. */
async function explainingProblems(
  { stderr, redact }: CliContext,
  text: string,
  work: (value: unknown) => Promise<void>,
): Promise<void> {
  const { value, placeOf } = await readDocument(text);
  try {
    await work(value);
  } catch (error) {
    const fields = error instanceof Refusal ? (error.detail.fields ?? []) : [];
    if (fields.length === 0) throw error;
    const lines: string[] = [];
    for (const { field, message } of fields) {
      const places = [await placeOf(field), field].filter((each) => each !== undefined && each !== "");
      const line = [...(places.length === 0 ? [] : [places.join(", ")]), message].join(": ");
      lines.push(line.replaceAll(/\p{C}/gu, "?"));
    }
    const [only, ...more] = lines;
    if (only !== undefined && more.length === 0) throw new OperatorError(`${only} Nothing was changed.`);
    for (const line of lines) stderr.write(redact(`countersign: ${line}\n`));
    throw new OperatorError(`The document has ${lines.length} problems; nothing was changed.`);
  }
}

function dependenciesOf(context: CliContext, administration: CliAdministration, config: Config): ApplyDependencies {
  const { clock, random } = context;
  return {
    ...administration,
    commitWithoutView: administration.commit,
    keyProof: config.keyProof,
    unnamedProxy: findUnnamedProxy(config),
    random,
    yieldToEventLoop: () => Promise.resolve(),
    webhookSender: { findUrlProblem: async (url) => (await administration.openWebhookSender()).findUrlProblem(url) },
    webhookSecretSource: async () => ({ masterSecret: await administration.newestMasterSecret(), random }),
    clock,
  };
}

/** Applies a document to a store or a server. */
interface Applying {
  plan(): Promise<PlanJson>;
  apply(listener: {
    /** Called before the first change, and again when the registry was changed meanwhile. */
    readonly onPlan: (plan: PlanJson, makesSecret: boolean) => void;
    readonly onSecret: (secret: ShownSecret) => void;
    readonly onProgress: (applied: number) => void;
  }): Promise<void>;
}

function storeApplying(
  context: CliContext,
  administration: CliAdministration,
  options: Options,
  registry: DeclaredRegistry,
): Applying {
  const dependencies = dependenciesOf(context, administration, context.config(options));
  const author = unrestrictedAuthor(context.actor);
  const prune = options.prune === true;
  return {
    plan: async () =>
      planJson(await planRegistry(dependencies, registry, { author, prune, nowMs: context.clock.wallMs() })),
    async apply({ onPlan, onSecret, onProgress }) {
      await applyRegistry(dependencies, registry, {
        author,
        prune,
        onPlan: (plan) => {
          onPlan(
            planJson(plan),
            plan.steps.some(({ makesSecret }) => makesSecret === true),
          );
        },
        onSecret: (secret) => {
          onSecret(shownSecret(secret, administration.linkUrl));
        },
        onProgress,
      });
    },
  };
}

/** How often a server's registry is compared anew because others have changed it meanwhile. */
const PLANS_MAX = 3;

function serverApplying(context: CliContext, operate: Operate, { prune = false }: Options, body: object): Applying {
  const plan = () => operate("planRegistry", { query: { prune }, body });
  return {
    plan: async () => (await plan()).data,
    async apply({ onPlan, onSecret, onProgress }) {
      let applied = 0;
      const take = (part: unknown) => {
        const made = madePart(part);
        applied += made.applied;
        onProgress(applied);
        for (const secret of made.secrets) onSecret(secret);
      };
      for (let plans = 1; ; plans++) {
        const { data: planned, etag } = await plan();
        if (etag === undefined) throw new OperatorError("The server's plan has no ETag, by which it would be applied.");
        onPlan(planned, planned.changes.some(makesSecret));
        if (planned.changes.length === 0) return;
        try {
          const { data } = await operate("applyRegistry", { query: { prune }, body, ifMatch: etag });
          take(data);
          return;
        } catch (error) {
          if (error instanceof Refusal) take(error.detail.data);
          if (error instanceof UnusableAnswer) {
            take(error.data);
            if (applied === 0) throw error;
            const made = `${changesMade(applied)} before that; apply the document again to continue.`;
            throw new OperatorError(`${error.message} ${made}`);
          }
          const isChanged = error instanceof Refusal && error.code === "precondition_failed";
          if (!isChanged || plans === PLANS_MAX) throw error;
          note(context, error.message);
        }
      }
    },
  };
}

/**
 * What a server says that it made, of an answer that has not the form of a result: a refusal in the middle, or one that this release
 * doesn't understand. Secrets can't be read again, so whatever looks like one is taken.
 */
function madePart(part: unknown): { readonly applied: number; readonly secrets: readonly ShownSecret[] } {
  const { applied, secrets } = (part ?? {}) as { readonly applied?: unknown; readonly secrets?: unknown };
  return {
    applied: typeof applied === "number" ? applied : 0,
    secrets: (Array.isArray(secrets) ? secrets : []).flatMap((each: unknown) =>
      typeof each === "object" && each !== null ? [plainSecret(each)] : [],
    ),
  };
}

/** A secret whose members can be printed, whatever a server sent. */
function plainSecret(secret: object): ShownSecret {
  return Object.fromEntries(
    Object.entries(secret).map(([name, value]: [string, unknown]) => {
      const isPlain = value === null || typeof value === "string" || typeof value === "number";
      return [name, isPlain ? value : JSON.stringify(value)];
    }),
  );
}

function changesMade(count: number): string {
  return count === 1 ? "1 change was made" : `${count} changes were made`;
}

async function dryRunOf(context: CliContext, options: Options, applying: Applying): Promise<void> {
  const plan = await applying.plan();
  print(context, options.json, { dry_run: true, ...shownPlan(plan), applied: 0, secrets: [] }, () =>
    [...formatPlan(context, plan), formatSummary(plan)].join("\n"),
  );
  if (plan.changes.length > 0) throw new NegativeResult(2);
}

async function applyOf(context: CliContext, options: Options, applying: Applying): Promise<void> {
  const isJson = options.json === true;
  const secrets = createSecrets(options.secretsOut);
  let first: PlanJson | undefined;
  let applied = 0;
  const show = () => {
    const plan = first ?? planJson({ steps: [], notes: [] });
    const result = { dry_run: false, ...shownPlan(plan), applied, secrets: secrets.shown };
    const lines = [
      ...(plan.changes.length === 0 ? [] : [`${changesMade(applied)}.`]),
      ...secrets.shown.map(formatSecret),
    ];
    if (isJson || lines.length > 0) print(context, isJson, result, () => lines.join("\n"));
    for (const line of secrets.notices()) context.stderr.write(`${line}\n`);
  };
  try {
    await applying.apply({
      onPlan: (plan, makesSecret) => {
        if (makesSecret) secrets.open();
        if (first !== undefined) {
          context.stderr.write("The registry was changed meanwhile, and is compared with the document anew.\n");
          return;
        }
        first = plan;
        if (!isJson) context.stdout.write(`${[...formatPlan(context, plan), formatSummary(plan)].join("\n")}\n`);
      },
      onSecret: (secret) => {
        secrets.add(secret);
      },
      onProgress: (count) => {
        applied = count;
      },
    });
    show();
  } catch (error) {
    // A secret that exists is shown whatever happened after it.
    if (secrets.shown.length > 0) show();
    else for (const line of secrets.notices()) context.stderr.write(`${line}\n`);
    throw error;
  } finally {
    secrets.close();
  }
}

/** A plan as `--json` prints it. A server's answer to an application has more members. */
function shownPlan({ changes, summary, notes }: PlanJson): PlanJson {
  return { changes, summary, notes };
}

/** Does a server make a secret by this change? An admin token invites no operators. */
function makesSecret({ action, kind }: PlanJson["changes"][number]): boolean {
  return action === "create" && (kind === "resource_server" || kind === "webhook");
}

/** Secrets as they are handed over: a link as a URL. */
type ShownSecret = Readonly<Record<string, string | number | null>>;

/**
 * Hands new secrets over: to a file, each as a line of JSON as soon as it exists, or in the result. What the file can't take is in the
 * result too, since it can't be read again.
 */
function createSecrets(file: string | undefined) {
  const shown: ShownSecret[] = [];
  let descriptor: number | undefined;
  let bytes = 0;
  let problem: string | undefined;
  return {
    shown: shown as readonly ShownSecret[],
    /** Before the first change, so that no secret is made that can't be written. */
    open() {
      if (file === undefined || descriptor !== undefined) return;
      try {
        descriptor = openSync(file, "ax", 0o600);
      } catch (error) {
        const problem = errorCode(error) === "EEXIST" ? "it exists already" : errorProblem(error);
        throw new OperatorError(`${file} can't be written (${problem}). Name a new file. Nothing was changed.`);
      }
    },
    add(each: ShownSecret) {
      if (descriptor === undefined) {
        shown.push(each);
        return;
      }
      const line = Buffer.from(`${JSON.stringify(each)}\n`);
      try {
        appendFileSync(descriptor, line);
        fsyncSync(descriptor);
        bytes += line.length;
      } catch (error) {
        problem = errorProblem(error);
        shown.push(each);
        // Without the beginning that a full disk may have taken.
        ftruncateSync(descriptor, bytes);
      }
    },
    notices: () => [
      ...(problem === undefined
        ? []
        : [`countersign: ${file ?? ""} couldn't take every secret (${problem}); the others are above.`]),
      ...(shown.length > 0 ? ["Secrets and links are shown only once."] : []),
      ...(bytes > 0 ? [`New secrets and links are in ${file ?? ""}, and are shown nowhere else.`] : []),
    ],
    close() {
      if (descriptor !== undefined) closeSync(descriptor);
    },
  };
}

function shownSecret(secret: MadeSecret, linkUrl: CliAdministration["linkUrl"]): ShownSecret {
  if (secret.kind !== "operator") return { ...secret };
  const { link_secret: linkSecret, ...rest } = secret;
  return { ...rest, link: linkUrl(linkSecret) };
}
