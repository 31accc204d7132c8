import { type Observation, observe, type Problem } from "../finding.ts";

const DAY_MS = 86_400_000;
const EXPIRING_MS = 14 * DAY_MS;

/** A certificate, or why there is none. Times are milliseconds since the epoch. */
export interface CertificateFacts {
  /** What it is and where, such as `the certificate of https://auth.example`. */
  readonly name: string;
  readonly problem?: string;
  readonly validFromMs?: number;
  readonly validToMs?: number;
  /** Why its name doesn't fit. */
  readonly nameProblem?: string | undefined;
  /** Why this machine doesn't trust its issuer. */
  readonly trustProblem?: string | undefined;
}

export function checkCertificates(certificates: readonly CertificateFacts[], nowMs: number): Observation {
  const [nearest] = certificates.toSorted((a, b) => (a.validToMs ?? 0) - (b.validToMs ?? 0));
  const seen =
    nearest?.validToMs === undefined
      ? "There is no certificate to check."
      : `Certificates: ${certificates.length}. The first to expire does so in ${daysUntil(nearest.validToMs, nowMs)} days.`;
  return observe(seen, ...certificates.flatMap((certificate) => problemsOf(certificate, nowMs)));
}

function problemsOf(certificate: CertificateFacts, nowMs: number): readonly (Problem | undefined)[] {
  const { name, problem, nameProblem, trustProblem } = certificate;
  if (problem !== undefined) return [{ code: "certificate_unusable", found: `${upper(name)} ${problem}.` }];
  const timeProblem = findTimeProblem(certificate, nowMs);
  return [
    timeProblem,
    nameProblem === undefined ? undefined : { code: "certificate_name", found: `${upper(name)}: ${nameProblem}.` },
    trustProblem === undefined || timeProblem?.code === "certificate_expired"
      ? undefined
      : { code: "certificate_untrusted", found: `${upper(name)} isn't trusted here: ${trustProblem}.` },
  ];
}

function findTimeProblem(
  { name, validFromMs = 0, validToMs = 0 }: CertificateFacts,
  nowMs: number,
): Problem | undefined {
  const until = new Date(validToMs).toISOString();
  if (validToMs <= nowMs) return { code: "certificate_expired", found: `${upper(name)} expired ${until}.` };
  if (validFromMs > nowMs) {
    const from = new Date(validFromMs).toISOString();
    return { code: "certificate_expired", found: `${upper(name)} isn't valid before ${from}.` };
  }
  if (validToMs - nowMs >= Math.min(EXPIRING_MS, (validToMs - validFromMs) / 4)) return undefined;
  return {
    code: "certificate_expiring",
    found: `${upper(name)} expires in ${daysUntil(validToMs, nowMs)} days, ${until}.`,
  };
}

function daysUntil(atMs: number, nowMs: number): number {
  return Math.floor((atMs - nowMs) / DAY_MS);
}

function upper(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
