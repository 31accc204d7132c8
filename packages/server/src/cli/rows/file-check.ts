import type { ImportRow } from "../../core/bulk/import-row.ts";
import { Refusal } from "../../core/refusal.ts";

/** Finds rows of one file that contradict each other. It keeps about 300 bytes a row. */
export type FileCheck = (line: number, row: ImportRow) => Refusal | undefined;

/**
 * Two rows with one key must be of the same user, and two rows of one user must say the same of it. The first of them is taken for
 * right.
 */
export function createFileCheck(): FileCheck {
  const keys = new Map<string, { readonly line: number; readonly user: string }>();
  const users = new Map<string, { readonly line: number; readonly says: string }>();
  return (line, row) => {
    const user = `${row.account}/${row.name}`;
    const { access, status, mayRotate, networks, displayName, description, contact } = row;
    const notes = [displayName ?? null, description ?? null, contact ?? null];
    const says = JSON.stringify([access ?? null, status ?? null, mayRotate ?? null, networks ?? null, ...notes]);
    const sameUser = users.get(user);
    if (sameUser === undefined) users.set(user, { line, says });
    else if (sameUser.says !== says) {
      return new Refusal("conflict", `Line ${sameUser.line} says something else about the same API user.`);
    }
    if (row.key === undefined) return undefined;
    const hash = row.key.parsed.modulusHash.slice(0, 32);
    const sameKey = keys.get(hash);
    if (sameKey === undefined) keys.set(hash, { line, user });
    else if (sameKey.user !== user) {
      return new Refusal("conflict", `Line ${sameKey.line} has the same key for another API user.`);
    }
    return undefined;
  };
}
