import { COUNT_MAX } from "@countersign/protocol";
import type { KeyCounts } from "../../keys/key-counts.ts";
import { type Observation, observe } from "../finding.ts";

export function checkKeys(counts: KeyCounts): Observation {
  const { active, expiring_1d: soon, expiring_7d: expiring, weak, unused_90d: unused } = counts;
  return observe(
    `Active keys: ${many(active)}. None expires within 7 days, is weak or unused.`,
    expiring === 0
      ? undefined
      : {
          code: "keys_expiring",
          found: `Keys that expire within 7 days: ${many(expiring)}; within a day: ${many(soon)}.`,
        },
    weak === 0 ? undefined : { code: "keys_weak", found: `Weak keys that aren't revoked: ${many(weak)}.` },
    unused === 0
      ? undefined
      : { code: "keys_unused", found: `Active keys that weren't used for 90 days: ${many(unused)}.` },
  );
}

function many(count: number): string {
  return count > COUNT_MAX ? `over ${COUNT_MAX}` : String(count);
}
