import { type Observation, observe, type Problem } from "../finding.ts";

/** What is known of the data folder and the files in it. */
export interface FileFacts {
  readonly folder: string;
  readonly isThere: boolean;
  /** Is the store or the master secret kept there? */
  readonly isNeeded: boolean;
  /** The folder's owner if this process is root and the owner isn't; the other checks would be wrong then. */
  readonly otherOwner: number | undefined;
  /** What the service would refuse: the path, and why with what to do. */
  readonly refused: readonly { readonly path: string; readonly problem: string }[];
  /** Files of the store that others can read or write, with their mode in octal. */
  readonly open: readonly { readonly path: string; readonly mode: string }[];
  /** Unix sockets of the listeners in a folder that every user can write to. */
  readonly exposedSockets: readonly string[];
  /** How many files were looked at. */
  readonly count: number;
}

export function checkFiles(facts: FileFacts): Observation {
  const { folder, isThere, isNeeded, otherOwner, refused, open, exposedSockets, count } = facts;
  const exposed = exposedSockets.map(
    (path): Problem => ({
      code: "socket_exposed",
      found: `Every user can write to the folder of the socket ${path}.`,
    }),
  );
  if (!isThere) {
    return observe(
      `${folder} doesn't exist and isn't needed: neither the store nor the master secret is kept there.`,
      isNeeded ? { code: "data_folder_missing", found: `${folder} doesn't exist.` } : undefined,
      ...exposed,
    );
  }
  if (otherOwner !== undefined) {
    return observe("", {
      code: "wrong_user",
      found: `${folder} belongs to user ${otherOwner}, but the doctor runs as root: owners and modes weren't checked.`,
      fix: `Run it as the service's user: sudo -u '#${otherOwner}' countersign doctor.`,
    });
  }
  return observe(
    `${folder} and ${count} files in it are closed to other users.`,
    ...refused.map(({ path, problem }): Problem => ({ code: "file_refused", found: `${path} ${problem}.` })),
    ...open.map(
      ({ path, mode }): Problem => ({
        code: "file_open_to_others",
        found: `${path} has the mode ${mode}, which lets other users read or write it.`,
        fix: `Run chmod 600 ${path}.`,
      }),
    ),
    ...exposed,
  );
}
