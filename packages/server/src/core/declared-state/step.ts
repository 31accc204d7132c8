import type { ChangeTx } from "../change/change-tx.ts";
import { Refusal } from "../refusal.ts";

/** A value of the document or of the registry, as JSON has it. */
export type Shown = string | number | boolean | null | readonly string[];

/** Members by their names in the document; `undefined` ones aren't managed. */
export type ShownMembers = Readonly<Record<string, Shown | undefined>>;

/** A member that differs. */
export interface MemberChange {
  readonly member: string;
  readonly from: Shown;
  readonly to: Shown;
}

/** A secret that a step made. It is shown once. */
export type MadeSecret =
  | {
      readonly kind: "resource_server";
      readonly name: string;
      readonly client_id: string;
      readonly client_secret: string;
    }
  | { readonly kind: "webhook"; readonly name: string; readonly id: number; readonly secret: string }
  | { readonly kind: "operator"; readonly name: string; readonly link_secret: string; readonly expires_at: string };

export type StepKind = "account" | "user" | "key" | "resource_server" | "webhook" | "operator";

/** One difference between the registry and a document, and how to remove it. */
export interface Step {
  /** `create` includes inviting an operator; `deactivate` includes withdrawing an invitation. */
  readonly action: "create" | "change" | "deactivate" | "revoke";
  readonly kind: StepKind;
  /** Such as `acme`, `acme/demo`, `acme/demo SHA256:…`. It holds no secret. */
  readonly name: string;
  /** What differs; what isn't a default, for something new. */
  readonly changes: readonly MemberChange[];
  /** Is it switched off because the document doesn't mention it? */
  readonly isPruned: boolean;
  /** Does it make a secret, or a link? */
  readonly makesSecret?: true;
  /** Awaited before the transaction. @throws {Refusal} */
  readonly prepare?: () => Promise<void>;
  /** @throws {Refusal} what the change itself throws; `precondition_failed` if the registry isn't what the plan has seen */
  readonly run: (tx: ChangeTx) => Promise<MadeSecret | undefined>;
}

/** What differs between the present members and the declared ones. */
export function diffMembers(present: ShownMembers, declared: ShownMembers): readonly MemberChange[] {
  return Object.entries(declared).flatMap(([member, to]) => {
    const from = present[member] ?? null;
    return to === undefined || isSame(from, to) ? [] : [{ member, from, to }];
  });
}

/** Requires that the members that a step changes are still what the plan has seen. @throws {Refusal} `precondition_failed` */
export function requireAsPlanned(present: ShownMembers, changes: readonly MemberChange[]): void {
  if (!changes.every(({ member, from }) => isSame(present[member] ?? null, from))) throw changedMeanwhile();
}

/** The refusal of a step because the registry has changed since it was compared with the document. */
export function changedMeanwhile(): Refusal {
  return new Refusal("precondition_failed", "The registry has changed since it was compared with the document.", {
    hint: "Apply the document again.",
  });
}

/** `deactivate` or `revoke` where that is all that happens. */
export function actionOf(changes: readonly MemberChange[]): Step["action"] {
  const [only] = changes;
  if (changes.length !== 1 || only?.member !== "status") return "change";
  if (only.to === "revoked") return "revoke";
  return only.to === "deactivated" ? "deactivate" : "change";
}

function isSame(a: Shown, b: Shown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
