import { canSee } from "../operators/authorize.ts";
import type { Account } from "../accounts/model.ts";
import { loadAccount } from "../accounts/changes.ts";
import type { ChangeTx } from "../change/change-tx.ts";
import type { AdmittedKey } from "../keys/admit-key.ts";
import { addKey, changeKey } from "../keys/changes.ts";
import { keyWeak } from "../keys/key-weak.ts";
import type { KeyId, PublicKey } from "../keys/model.ts";
import { Refusal } from "../refusal.ts";
import { changeUser, createUser, usernameOf } from "../users/changes.ts";
import type { ApiUser } from "../users/model.ts";
import { openBatchTx } from "./batch-tx.ts";
import type { ImportKey, ImportRow } from "./import-row.ts";

/** A row whose key was examined, if it has one. */
export interface ExaminedRow {
  readonly row: ImportRow;
  /** The result of `AdmitKeys`. `undefined` without a key, and for one that the row's user had already when the batch began. */
  readonly admitted: AdmittedKey | Refusal | undefined;
}

/** What became of a row. */
export interface RowResult {
  /**
   * - `created`: the user is new, and its key, if the row has one.
   * - `key_added`: the user was there as the row says.
   * - `unchanged`: both were there as the row says.
   */
  readonly outcome: "created" | "key_added" | "unchanged";
  readonly username: string;
  readonly keyId: KeyId | null;
}

/**
 * Imports rows in one transaction, by the functions that also serve one user and one key, with the same checks and the same events. A
 * row that is refused changes nothing; the others are imported. What exists with other values than the row gives is refused: an import
 * adds, and changes nothing.
 *
 * @param comparedAlready keys that were added since the rows' keys were examined, and that these were compared with all the same
 * @returns a result for each row, in their order
 * @throws {OutdatedComparison} if the keys have to be compared again
 */
export async function importRows(
  tx: ChangeTx,
  rows: readonly ExaminedRow[],
  comparedAlready: ReadonlySet<KeyId> = new Set(),
): Promise<readonly (RowResult | Refusal)[]> {
  const accounts = new Map<string, Account | Refusal>();
  for (const { row } of rows) {
    if (!accounts.has(row.account)) accounts.set(row.account, await findAccount(tx, row.account));
  }
  const usernames = rows.flatMap(({ row }) => {
    const account = accounts.get(row.account);
    return account === undefined || account instanceof Refusal ? [] : [usernameOf(account, row.name)];
  });
  const admitted = rows.flatMap((each) => (isAdmitted(each.admitted) ? [each.admitted] : []));
  const batch = await openBatchTx(tx, {
    usernames,
    modulusHashes: rows.flatMap(({ row }) => row.key?.parsed.modulusHash ?? []),
    comparedThrough: admitted[0]?.comparedThrough,
    comparedAlready,
  });
  const results: (RowResult | Refusal)[] = [];
  for (const each of rows) {
    const account = accounts.get(each.row.account);
    try {
      if (each.admitted instanceof Refusal) throw each.admitted;
      if (account instanceof Refusal) throw account;
      if (account === undefined) throw new Error("a row's account wasn't looked up");
      results.push(
        await batch.attempt(() =>
          importRow(batch.tx, account, each.row, isAdmitted(each.admitted) ? each.admitted : undefined),
        ),
      );
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      results.push(error);
    }
  }
  await batch.write();
  return results;
}

function isAdmitted(admitted: ExaminedRow["admitted"]): admitted is AdmittedKey {
  return admitted !== undefined && !(admitted instanceof Refusal);
}

/** The account, or the refusal of its rows. An account that the author can't see doesn't exist. */
async function findAccount(tx: ChangeTx, shortname: string): Promise<Account | Refusal> {
  try {
    const account = await loadAccount(tx, shortname);
    if (canSee(tx.author, account.id)) return account;
    return new Refusal("not_found", `There is no account ${shortname}. countersign account create makes one.`);
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

async function importRow(
  tx: ChangeTx,
  account: Account,
  row: ImportRow,
  admitted: AdmittedKey | undefined,
): Promise<RowResult> {
  const username = usernameOf(account, row.name);
  const existing = await tx.users.find(username);
  if (existing === undefined) await createRowUser(tx, row);
  else refuseOther(`The API user ${username} exists`, differencesOfUser(existing, row));
  const { key } = row;
  if (key === undefined) {
    return { outcome: existing === undefined ? "created" : "unchanged", username, keyId: null };
  }
  const same = (await tx.keys.findByModulusHash(key.parsed.modulusHash)).find(
    (each) => each.username === username && each.status !== "revoked" && each.thumbprint === key.parsed.thumbprint,
  );
  if (same !== undefined) {
    refuseOther(`${username} has this key already (key ${same.id})`, differencesOfKey(same, key));
    return { outcome: "unchanged", username, keyId: same.id };
  }
  // The user had the key when the batch began. A registered key is never removed, so it was revoked meanwhile.
  if (admitted === undefined) throw keyWeak("revoked");
  const { label, expiresAtMs, networks } = key;
  const { id } = await addKey(tx, { username, admitted, label, expiresAtMs, networks, proof: undefined });
  if (key.status === "deactivated") await changeKey(tx, id, { status: "deactivated" });
  return { outcome: existing === undefined ? "created" : "key_added", username, keyId: id };
}

async function createRowUser(tx: ChangeTx, row: ImportRow): Promise<void> {
  const { name, account, access = "full", mayRotate, networks, status, displayName, description, contact } = row;
  const notes = { displayName, description, contact };
  const { username } = await createUser(tx, { name, account, access, mayRotate, networks, ...notes });
  if (status === "deactivated") await changeUser(tx, username, { status });
}

/** @throws {Refusal} `conflict` if there are differences */
function refuseOther(what: string, differences: readonly string[]): void {
  if (differences.length === 0) return;
  throw new Refusal("conflict", `${what} with other values: ${differences.join(", ")}. An import changes nothing.`);
}

function differencesOfUser(user: ApiUser, row: ImportRow): readonly string[] {
  return differences([
    ["access", row.access, user.access],
    ["status", row.status, user.status],
    ["may_rotate", row.mayRotate, user.mayRotate],
    ["networks", row.networks?.join(), user.networks.join()],
    ["display_name", row.displayName, user.displayName],
    ["description", row.description, user.description],
    ["contact", row.contact, user.contact],
  ]);
}

function differencesOfKey(key: PublicKey, row: ImportKey): readonly string[] {
  return differences([
    ["label", row.label, key.label],
    ["expires_at", row.expiresAtMs, key.expiresAtMs],
    ["key_status", row.status, key.status],
    ["key_networks", row.networks?.join(), key.networks.join()],
  ]);
}

type Value = string | number | boolean | null;

/** Names the members that are given and differ. */
function differences(members: readonly (readonly [name: string, given: Value | undefined, now: Value])[]) {
  return members.flatMap(([name, given, now]) => (given === undefined || given === now ? [] : [name]));
}
