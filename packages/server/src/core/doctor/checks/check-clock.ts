import { OFFSET_MS_MAX, OFFSET_REPORTED_MS } from "../../clock/clock-watch.ts";
import { type Observation, observe, type Problem } from "../finding.ts";

/** How this machine's clock differs from others, in milliseconds: positive if it is ahead. */
export interface ClockFacts {
  /** `undefined` if the database uses this machine's clock, or can't be asked. */
  readonly databaseOffsetMs: number | undefined;
  /** What the NTP server said; `undefined` if none was asked. */
  readonly ntp: NtpAnswer | undefined;
  /** How often the running node's clock was set since its start; 0 in a command. */
  readonly steps: number;
}

export interface NtpAnswer {
  /** Host and port. */
  readonly server: string;
  /** The difference, or why there is none. */
  readonly result: { readonly offsetMs: number } | { readonly problem: string };
}

export function checkClock({ databaseOffsetMs, ntp, steps }: ClockFacts): Observation {
  const seen = [
    describeDatabase(databaseOffsetMs),
    ntp !== undefined && "offsetMs" in ntp.result
      ? `and it differs from that of ${ntp.server} by ${Math.abs(Math.round(ntp.result.offsetMs))} ms`
      : "and no NTP server was asked (--ntp)",
  ];
  return observe(
    `${seen.join(", ")}.`,
    databaseOffsetMs === undefined ? undefined : offsetProblem(databaseOffsetMs, "the database's clock"),
    ntp === undefined
      ? undefined
      : "problem" in ntp.result
        ? { code: "ntp_silent", found: `The NTP server ${ntp.server} can't be used: ${ntp.result.problem}.` }
        : offsetProblem(ntp.result.offsetMs, `the NTP server ${ntp.server}`),
    steps === 0
      ? undefined
      : { code: "clock_stepped", found: `The clock was set since this node started, this often: ${steps}.` },
  );
}

/** @param offsetMs the least that the clocks differ by */
function describeDatabase(offsetMs: number | undefined): string {
  if (offsetMs === undefined) return "The database uses this machine's clock, or wasn't asked";
  const size = Math.abs(Math.round(offsetMs));
  return size === 0
    ? "This machine's clock agrees with the database's"
    : `This machine's clock and the database's differ by at least ${size} ms`;
}

function offsetProblem(offsetMs: number, other: string): Problem | undefined {
  const size = Math.abs(offsetMs);
  if (size <= OFFSET_REPORTED_MS) return undefined;
  return {
    code: size > OFFSET_MS_MAX ? "clock_wrong" : "clock_off",
    found: `This machine's clock is ${Math.floor(size / 1000)} s ${offsetMs > 0 ? "ahead of" : "behind"} ${other}.`,
  };
}
