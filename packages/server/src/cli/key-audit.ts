import type { Command } from "commander";
import type { Flags } from "../config/config.ts";
import { unrestrictedAuthor } from "../core/change/change-tx.ts";
import { keyJson, shownKeyStatus } from "../core/json/registry.ts";
import { SHARED_PRIME_JOB } from "../core/keys/audit/audit-jobs.ts";
import {
  auditNextKeys,
  completeKeys,
  type KeyAuditDependencies,
  searchSharedPrimes,
} from "../core/keys/audit/audit-keys.ts";
import type { WeakKey } from "../core/keys/audit/record-weakness.ts";
import type { AuditedKey } from "../core/keys/audit/store.ts";
import { exceedsKeyAge, keyAgeMaxMs } from "../core/keys/key-age.ts";
import type { KeyId, PublicKey } from "../core/keys/model.ts";
import type { Store } from "../core/store/store.ts";
import { type CliContext, NegativeResult, paint, paintStatus, print } from "./context.ts";
import { withAdministration, withStoreFlags } from "./store-flags.ts";
import { formatTable } from "./table.ts";
import { relativeTime } from "./time.ts";

type Options = Flags & { readonly json?: boolean };

/** What the audit found. */
interface Report {
  readonly examined: number;
  readonly weak: readonly WeakKey[];
  /** Usable keys that can get older than the maximum age, since they were added before it was set. */
  readonly overAge: readonly PublicKey[];
}

/** `key audit`. Its exit status is 1 if a key is weak; keys over the maximum age don't count. */
export function addKeyAudit(context: CliContext, key: Command): void {
  withStoreFlags(key.command("audit"))
    .description("examine the keys that are registered for weaknesses, as the daily audit does")
    .option("--json", "print JSON")
    .action(async (options: Options) => {
      const report = await withAdministration(context, options, async (administration) => {
        const { store, commit } = administration;
        const { weakKeys: policy, maxKeyAge } = context.config(options);
        const author = unrestrictedAuthor(context.actor);
        const audit = { store, commit, author, policy, examiner: await administration.openStoredKeyExaminer() };
        return auditAll(audit, store, maxKeyAge ?? null, context.clock.wallMs());
      });
      const now = context.clock.wallMs();
      print(context, options.json, reportJson(report, now), () => describe(context, report, now));
      if (report.weak.length > 0) throw new NegativeResult();
    });
}

async function auditAll(
  audit: KeyAuditDependencies,
  store: Store,
  serviceAgeMaxMs: number | null,
  nowMs: number,
): Promise<Report> {
  await completeKeys(audit);
  // The pairs that the service has compared already are left out.
  let compared: KeyId | undefined = ((await store.jobs.find(SHARED_PRIME_JOB)).position ?? 0) as KeyId;
  while (compared !== undefined) compared = await searchSharedPrimes(audit, compared, () => Promise.resolve());

  const ageMaxMs = new Map(
    (await store.accounts.list()).map((account) => [account.id, keyAgeMaxMs(serviceAgeMaxMs, account)]),
  );
  const isOverAge = (key: AuditedKey) =>
    shownKeyStatus(key, nowMs) === "active" && exceedsKeyAge(key, ageMaxMs.get(key.accountId) ?? null);
  let examined = 0;
  const weak: WeakKey[] = [];
  const overAge: PublicKey[] = [];
  for (let after: KeyId | undefined = 0 as KeyId; after !== undefined; ) {
    const step = await auditNextKeys(audit, after);
    examined += step.examined.length;
    weak.push(...step.weak);
    overAge.push(...step.examined.filter(isOverAge));
    after = step.reached;
  }
  return { examined, weak, overAge };
}

function reportJson({ examined, weak, overAge }: Report, now: number) {
  return {
    examined,
    weak: weak.map(({ key, isNew, isDeactivated }) => ({
      ...keyJson(key, now),
      is_new: isNew,
      is_deactivated: isDeactivated,
    })),
    over_age: overAge.map((key) => keyJson(key, now)),
  };
}

function describe(context: CliContext, { examined, weak, overAge }: Report, now: number): string {
  const keys = examined === 1 ? "1 key" : `${examined} keys`;
  if (weak.length === 0 && overAge.length === 0) return `${paint(context, "green", "none is weak")}: ${keys} examined`;
  const parts: string[] = [];
  if (weak.length > 0) {
    const rows = weak.map(({ key, weakness, isNew, isDeactivated }) => [
      String(key.id),
      key.username,
      weakness,
      paintStatus(context, shownKeyStatus(key, now)) + (isDeactivated ? ", by this audit" : ""),
      isNew ? "new" : "known",
      key.fingerprint,
    ]);
    parts.push(
      `${paint(context, "red", `${weak.length} weak`)}: ${keys} examined`,
      formatTable(["id", "username", "weakness", "status", "finding", "fingerprint"], rows),
    );
  } else {
    parts.push(`${paint(context, "green", "none is weak")}: ${keys} examined`);
  }
  if (overAge.length > 0) {
    const rows = overAge.map((key) => [
      String(key.id),
      key.username,
      relativeTime(key.createdAtMs, now),
      key.expiresAtMs === null ? "never" : relativeTime(key.expiresAtMs, now),
      key.fingerprint,
    ]);
    parts.push(
      `${overAge.length} can get older than the maximum age:`,
      formatTable(["id", "username", "created", "expires", "fingerprint"], rows),
    );
  }
  return parts.join("\n");
}
