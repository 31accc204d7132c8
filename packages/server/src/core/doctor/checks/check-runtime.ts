import { type Observation, observe } from "../finding.ts";

/** The day on which a major version of Node gets its last security fix (github.com/nodejs/Release). */
const ENDS: Readonly<Record<number, string>> = {
  24: "2028-04-30",
  25: "2026-06-01",
  26: "2029-04-30",
};

/**
 * @param version such as `v26.10.0`
 * @param oldest the oldest version that the service supports, such as `24.7`
 */
export function checkRuntime(version: string, oldest: string, nowMs: number): Observation {
  const [major = 0, minor = 0] = numbersOf(version);
  const [oldestMajor = 0, oldestMinor = 0] = numbersOf(oldest);
  const isOld = major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
  const end = ENDS[major];
  const isOver = end !== undefined && Date.parse(end) < nowMs;
  return observe(
    `Node ${version}${end === undefined ? "" : `, with security fixes until ${end}`}.`,
    isOld ? { code: "node_too_old", found: `Node ${version} is older than ${oldest}.` } : undefined,
    isOver ? { code: "node_unsupported", found: `Node ${version} has had no security fixes since ${end}.` } : undefined,
  );
}

function numbersOf(version: string): readonly number[] {
  return version.replace(/^v/, "").split(".").map(Number);
}
