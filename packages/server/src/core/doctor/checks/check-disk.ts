import { type Observation, observe, type Problem } from "../finding.ts";

const MIB = 1024 * 1024;
const FULL_BYTES = 100 * MIB;
const LOW_BYTES = 1024 * MIB;
const FULL_INODES = 100;
const LOW_INODES_SHARE = 0.02;

/** The file system of the data folder, for this user. */
export interface DiskFacts {
  readonly folder: string;
  readonly freeBytes: number;
  /** 0 for a file system that doesn't count inodes. */
  readonly inodes: number;
  readonly freeInodes: number;
  /** The size of the SQLite file; 0 if there is none. */
  readonly storeBytes: number;
}

export function checkDisk({ folder, freeBytes, inodes, freeInodes, storeBytes }: DiskFacts): Observation {
  const free = `${formatBytes(freeBytes)} are free where ${folder} is`;
  const hasInodes = inodes > 0;
  const problem = (): Problem | undefined => {
    if (freeBytes < FULL_BYTES) return { code: "disk_full", found: `${free}.` };
    if (hasInodes && freeInodes < FULL_INODES) {
      return { code: "disk_full", found: `${freeInodes} inodes are free where ${folder} is.` };
    }
    if (freeBytes < LOW_BYTES) return { code: "disk_low", found: `${free}.` };
    if (freeBytes < storeBytes) {
      return { code: "disk_low", found: `${free}, and a backup of the store needs ${formatBytes(storeBytes)}.` };
    }
    if (hasInodes && freeInodes < inodes * LOW_INODES_SHARE) {
      return { code: "disk_low", found: `${freeInodes} of ${inodes} inodes are free where ${folder} is.` };
    }
    return undefined;
  };
  return observe(`${free}.`, problem());
}

/** A size in the largest unit of which there is one, such as `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
