/** The kinds of things that have a name in the store, for completing a command line. */
export type NameKind =
  | "account"
  | "admin-token"
  | "key"
  | "operator"
  | "resource-server"
  | "signing-key"
  | "user"
  | "webhook";

/** The name or id of one of them, and a few words about it: its label, its user, its status. */
export interface StoredName {
  readonly value: string;
  readonly about: string | null;
}
