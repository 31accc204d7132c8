import { type Observation, observe } from "../finding.ts";

/** Fewer connections than this are warned of, unless a setting asks for no more. */
const CONNECTIONS_MIN = 1000;

/**
 * Looks at the limit of open files of the process that serves.
 *
 * @param possible how many connections the public listener accepts under the limit
 * @param wanted `COUNTERSIGN_CONNECTIONS_MAX`, if it is set
 */
export function checkLimits(possible: number, wanted: number | undefined): Observation {
  const isShort = possible < (wanted ?? CONNECTIONS_MIN);
  const asked = wanted === undefined ? "" : ` of ${wanted} that COUNTERSIGN_CONNECTIONS_MAX asks for`;
  return observe(
    `The public listener accepts ${possible} connections.`,
    isShort
      ? { code: "open_files_low", found: `The limit of open files leaves ${possible} connections${asked}.` }
      : undefined,
  );
}
