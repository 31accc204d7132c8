import { CHECKS, type CheckName, FINDINGS, type FindingCode, type Severity } from "./catalogue.ts";

/** What a check found. */
export interface Finding {
  readonly check: CheckName;
  readonly code: FindingCode | "ok";
  readonly severity: Severity;
  /** What was looked at. */
  readonly lookedAt: string;
  /** One line. */
  readonly found: string;
  /** What to do; `null` if nothing. */
  readonly fix: string | null;
  /** Where the finding is explained; `null` if nothing is to do. */
  readonly docs: string | null;
}

/** A problem as a check reports it; the catalogue has the rest. */
export interface Problem {
  readonly code: FindingCode;
  /** A sentence that says what was found, with places and figures, and without secrets. */
  readonly found: string;
  /** Replaces the catalogue's advice by one that names the place. */
  readonly fix?: string;
}

/** What a check reports: what it saw, for when nothing is wrong, and what is wrong. */
export interface Observation {
  readonly seen: string;
  readonly problems: readonly Problem[];
  /** Was there nothing to look at, such as a setting that isn't used? Then the report doesn't mention the check. */
  readonly isPointless?: true;
}

/** A check of something that this deployment doesn't have, or that another finding explains. */
export const POINTLESS: Observation = { seen: "", problems: [], isPointless: true };

/** @param problems `undefined` entries are left out, so that a check can list its conditions */
export function observe(seen: string, ...problems: readonly (Problem | undefined)[]): Observation {
  return { seen, problems: problems.filter((problem) => problem !== undefined) };
}

/** A check that needs something that isn't there. */
export function notChecked(why: string): Observation {
  return observe(why, { code: "not_checked", found: why });
}

/** Makes findings of an observation: one `ok` if nothing is wrong, none if the check was pointless. */
export function findingsOf(check: CheckName, { seen, problems, isPointless }: Observation): readonly Finding[] {
  if (isPointless === true) return [];
  const { looksAt: lookedAt } = CHECKS[check];
  if (problems.length === 0) {
    return [{ check, code: "ok", severity: "ok", lookedAt, found: oneLine(seen), fix: null, docs: null }];
  }
  return problems.map(({ code, found, fix }) => ({
    check,
    code,
    severity: FINDINGS[code].severity,
    lookedAt,
    found: oneLine(found),
    fix: fix ?? FINDINGS[code].fix,
    docs: `docs/doctor.md#${code}`,
  }));
}

/** A text from elsewhere, such as an error of a database, on one bounded line without control characters. */
export function oneLine(text: string): string {
  const line = text
    .replaceAll(/\s+/g, " ")
    .replaceAll(/[\p{C}\u2028\u2029]/gu, "?")
    .trim();
  return line.length > LINE_CHARACTERS_MAX ? `${line.slice(0, LINE_CHARACTERS_MAX)}…` : line;
}

const LINE_CHARACTERS_MAX = 600;
