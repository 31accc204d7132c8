import type { Step } from "../core/declared-state/step.ts";
import type { PlanJson } from "./operations.ts";
import { type CliContext, paint, type Style } from "./context.ts";

const SIGNS: Readonly<Record<Step["action"], { readonly sign: string; readonly style: Style }>> = {
  create: { sign: "+", style: "green" },
  change: { sign: "~", style: "yellow" },
  deactivate: { sign: "-", style: "red" },
  revoke: { sign: "-", style: "red" },
};

/** A plan for people, a line for each change and each note. Terminals get colours. */
export function formatPlan(context: CliContext, { changes, notes }: PlanJson): readonly string[] {
  return [
    ...changes.map((step) => {
      // A server of a newer release may know other actions.
      const { sign, style } = Object.hasOwn(SIGNS, step.action) ? SIGNS[step.action] : SIGNS.change;
      return `${paint(context, style, sign)} ${formatStep(step)}`;
    }),
    ...notes.map((note) => `  ${note}`),
  ];
}

/** How much a plan changes. */
export function formatSummary(plan: PlanJson): string {
  if (plan.changes.length === 0) return "No changes: the registry is what the document says.";
  const { create, change, switch_off: off } = plan.summary;
  return `Plan: ${create} to create, ${change} to change, ${off} to switch off.`;
}

/** A secret that was made, on one line. */
export function formatSecret({ kind, name, ...members }: Readonly<Record<string, string | number | null>>): string {
  const values = Object.entries(members).map(([member, value]) => `${member} ${value}`);
  return `${String(kind).replaceAll("_", " ")} ${name}: ${values.join(", ")}`;
}

function formatStep({ action, kind, name, changes, pruned }: PlanJson["changes"][number]): string {
  const what = `${kind.replaceAll("_", " ")} ${name}`;
  switch (action) {
    case "create": {
      const members = changes.map(({ member, to }) => `${member} ${JSON.stringify(to)}`);
      return members.length === 0 ? what : `${what} (${members.join(", ")})`;
    }
    case "revoke":
      return `${what} (revoke, permanently)`;
    case "deactivate":
      return `${what} (deactivate${pruned ? ", not in the document" : ""})`;
    default:
      return `${what}: ${changes
        .map(({ member, from, to }) => `${member} ${JSON.stringify(from)} -> ${JSON.stringify(to)}`)
        .join(", ")}`;
  }
}
