/** Importing and exporting many API users in one request. What a row means, and what it changes, is in core/bulk. */
import { Readable } from "node:stream";
import { exportUsers } from "../../../core/bulk/export-users.ts";
import { type ImportRow, parseImportRow } from "../../../core/bulk/import-row.ts";
import { OutdatedComparison } from "../../../core/bulk/batch-tx.ts";
import { createDryCommit } from "../../../core/bulk/import-users.ts";
import { importRows, type RowResult } from "../../../core/bulk/import-rows.ts";
import type { KeyProofPolicy } from "../../../core/key-statements/key-proofs.ts";
import type { AdmittedKey, AdmitKeys } from "../../../core/keys/admit-key.ts";
import { canSee } from "../../../core/operators/authorize.ts";
import { Refusal } from "../../../core/refusal.ts";
import type { RegistryHandlerDependencies } from "../accounts/handlers.ts";
import type { HandlersOf } from "../http/handlers.ts";
import { notFound } from "../http/refusals.ts";
import type { importRoutes } from "./routes.ts";

/** How many rows are read before other requests get a turn. */
const ROWS_AT_ONCE = 10;

export interface ImportHandlerDependencies extends RegistryHandlerDependencies {
  readonly admitKeys: AdmitKeys;
  readonly service: { readonly keyProof: KeyProofPolicy };
  readonly yieldToEventLoop: () => Promise<void>;
}

export function createImportHandlers({
  store,
  commit,
  admitKeys,
  unnamedProxy,
  service,
  yieldToEventLoop,
}: ImportHandlerDependencies): HandlersOf<typeof importRoutes> {
  return {
    async importUsers({ principal, body: { account, rows: values, dry_run: isDryRun = false } }) {
      const commitRows = isDryRun ? createDryCommit(commit) : commit;
      const options = { account, unnamedProxy, keyProof: service.keyProof };
      const rows: (ImportRow | Refusal)[] = [];
      for (const each of values) {
        // Reading hundreds of keys would delay other requests.
        if (rows.length % ROWS_AT_ONCE === 0) await yieldToEventLoop();
        rows.push(parsed(() => parseImportRow(each, options)));
      }
      const usable = rows.flatMap((row) => (row instanceof Refusal ? [] : [row]));
      const withKey = usable.filter(({ key }) => key !== undefined);
      const keys = withKey.flatMap(({ key }) => key?.parsed ?? []);
      const finish = admitKeys(keys, principal.actor);
      const importOnce = async () => {
        const verdicts = keys.length === 0 ? [] : await finish();
        const admitted = new Map<ImportRow, AdmittedKey | Refusal | undefined>(
          withKey.map((row, index) => [row, verdicts[index]]),
        );
        const examined = usable.map((row) => ({ row, admitted: admitted.get(row) }));
        return (await commitRows((tx) => importRows(tx, examined), { author: principal })).result;
      };
      const result = await comparedAnew(importOnce);
      const results = new Map(usable.map((row, index) => [row, result[index]]));
      const shown = rows.map((row) => shownResult(row instanceof Refusal ? row : results.get(row), isDryRun));
      return { data: { rows: shown, refused: shown.filter(({ outcome }) => outcome === "refused").length } };
    },

    async exportUsers({ principal, query: { format, account: shortname = principal.account ?? undefined }, reply }) {
      const account = shortname === undefined ? undefined : await store.accounts.find(shortname);
      if (shortname !== undefined && (account === undefined || !canSee(principal, account.id))) throw notFound();
      const text = exportUsers({ store, yieldToEventLoop }, { account: account?.shortname, format });
      reply
        .type(format === "csv" ? "text/csv; charset=utf-8; header=present" : "application/jsonl; charset=utf-8")
        .header("Content-Disposition", `attachment; filename="countersign-users.${format}"`);
      void reply.send(Readable.from(text));
    },
  };
}

/** How often keys are compared anew because others have added many meanwhile. */
const COMPARISONS_MAX = 3;

async function comparedAnew<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let comparisons = 1; ; comparisons++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof OutdatedComparison) || comparisons === COMPARISONS_MAX) throw error;
    }
  }
}

function parsed(parse: () => ImportRow): ImportRow | Refusal {
  try {
    return parse();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

/** @param isDryRun whether a new key has no id, because it wasn't added */
function shownResult(result: RowResult | Refusal | undefined, isDryRun: boolean) {
  if (result === undefined) throw new Error("a row has no result");
  if (result instanceof Refusal) {
    return { outcome: "refused", username: null, key_id: null, code: result.code, message: result.message } as const;
  }
  const { outcome, username, keyId } = result;
  const isShown = !isDryRun || outcome === "unchanged";
  return { outcome, username, key_id: isShown ? keyId : null, code: null, message: null };
}
