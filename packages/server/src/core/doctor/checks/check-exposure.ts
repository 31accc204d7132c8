import { ADMIN_PATH, METRICS_PATH } from "@countersign/protocol";
import { type Ask, type HttpAnswer, refusalCode } from "../ask-service.ts";
import { type Observation, observe } from "../finding.ts";

/** What only the admin API answers, without a session. */
const ADMIN_CODES: readonly (string | undefined)[] = ["sign_in_required", "forbidden", "origin_refused"];

/** Asks the public URL for what only the internal listener has. */
export async function checkExposure(publicUrl: string, ask: Ask): Promise<Observation> {
  const [admin, metrics, page] = await Promise.all([
    ask(`${ADMIN_PATH}/overview`),
    ask(METRICS_PATH),
    ask("/", { headers: { accept: "text/html" } }),
  ]);
  const answers = [
    [`${ADMIN_PATH}/overview`, ADMIN_CODES.includes(refusalCode(admin))],
    [METRICS_PATH, refusalCode(metrics) === "host_refused" || has(metrics, /^# (?:HELP|TYPE) countersign_/m)],
    ["/ (the console)", has(page, /<title>[^<]*Countersign/i)],
  ] as const;
  const exposed = answers.filter(([, isExposed]) => isExposed).map(([path]) => path);
  if ("problem" in admin) return observe("", { code: "not_checked", found: `${publicUrl} can't be reached.` });
  return observe(
    `The admin API, the console and the metrics don't answer under ${publicUrl}.`,
    exposed.length === 0
      ? undefined
      : { code: "internal_exposed", found: `The internal listener answers under ${publicUrl}: ${exposed.join(", ")}.` },
  );
}

function has(answer: HttpAnswer, pattern: RegExp): boolean {
  return !("problem" in answer) && answer.status === 200 && pattern.test(answer.body);
}
