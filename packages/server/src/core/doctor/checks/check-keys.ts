import { COUNT_MAX } from "@countersign/protocol";
import type { KeyCounts } from "../../keys/key-counts.ts";
import { type Observation, observe } from "../finding.ts";

export function checkKeys(counts: KeyCounts): Observation {
  const { active, expiring_1d: soon, expiring_7d: expiring, weak, unused_90d: unused } = counts;
  return observe(
    `${many(active)} active key(s): none expires within 7 days, is weak or unused.`,
    expiring === 0
      ? undefined
      : {
          code: "keys_expiring",
          found: `${many(expiring)} key(s) expire within 7 days, ${many(soon)} of them within a day.`,
        },
    weak === 0 ? undefined : { code: "keys_weak", found: `${many(weak)} weak key(s) aren't revoked.` },
    unused === 0
      ? undefined
      : { code: "keys_unused", found: `${many(unused)} active key(s) weren't used for 90 days.` },
  );
}

function many(count: number): string {
  return count > COUNT_MAX ? `Over ${COUNT_MAX}` : String(count);
}
