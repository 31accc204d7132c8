import type { Access, Role } from "@countersign/protocol";
import type { KeyStatus } from "../keys/model.ts";
import type { FieldProblem } from "../refusal.ts";
import type { Standing } from "../standing.ts";

/** An entry of a document. Members that are `undefined` aren't managed. */
interface Declared {
  /** Its JSON pointer in the document. */
  readonly at: string;
}

/** A document that fits its schema. Keys' texts aren't parsed yet. */
export interface DeclaredRegistry {
  /** What is wrong with it besides. A plan finds more, and refuses all of it together. */
  readonly problems: readonly FieldProblem[];
  /** The account that it describes alone. */
  readonly account: string | undefined;
  readonly accounts: readonly DeclaredAccount[] | undefined;
  readonly resourceServers: readonly DeclaredResourceServer[] | undefined;
  readonly webhooks: readonly DeclaredWebhook[] | undefined;
  readonly operators: readonly DeclaredOperator[] | undefined;
}

export interface DeclaredAccount extends Declared {
  readonly shortname: string;
  readonly name: string | undefined;
  readonly status: Standing | undefined;
  readonly keyAgeMaxSeconds: number | null | undefined;
  readonly description: string | null | undefined;
  readonly contact: string | null | undefined;
  readonly users: readonly DeclaredUser[] | undefined;
}

export interface DeclaredUser extends Declared {
  readonly name: string;
  readonly access: Access | undefined;
  readonly status: Standing | undefined;
  readonly mayRotate: boolean | undefined;
  readonly displayName: string | null | undefined;
  readonly description: string | null | undefined;
  readonly contact: string | null | undefined;
  /** In canonical form. */
  readonly networks: readonly string[] | undefined;
  readonly keys: readonly DeclaredKey[] | undefined;
}

export interface DeclaredKey extends Declared {
  readonly text: string;
  readonly label: string | null | undefined;
  readonly status: KeyStatus | undefined;
  readonly expiresAtMs: number | null | undefined;
  /** In canonical form. */
  readonly networks: readonly string[] | undefined;
}

export interface DeclaredResourceServer extends Declared {
  readonly name: string;
  readonly status: Standing | undefined;
}

export interface DeclaredWebhook extends Declared {
  /** In canonical form. */
  readonly url: string;
  readonly account: string | null;
  readonly label: string | null | undefined;
  readonly events: readonly string[] | undefined;
  readonly status: Standing | undefined;
}

export interface DeclaredOperator extends Declared {
  /** In lower case. */
  readonly email: string;
  readonly role: Role;
  readonly account: string | null | undefined;
  readonly status: Standing | undefined;
}
