/**
 * The port through which commands work: the operations of the admin API, by their ids. Behind it is either an open store, or a server
 * with an admin token (`remote-operations.ts`). A command knows neither; what it prints is the same.
 */
import type { WarningItem } from "@countersign/protocol";
import type { operatorJson } from "../core/json/operators.ts";
import type { accountJson, keyJson, resourceServerJson, userJson } from "../core/json/registry.ts";
import type { Standing } from "../core/standing.ts";

export type AccountJson = ReturnType<typeof accountJson>;
export type OperatorJson = ReturnType<typeof operatorJson>;
export type UserJson = ReturnType<typeof userJson>;
export type KeyJson = ReturnType<typeof keyJson>;
export type ResourceServerJson = ReturnType<typeof resourceServerJson>;
export type ResourceServerWithSecretJson = ResourceServerJson & { readonly client_secret: string | null };

/** What a deactivation would stop. */
export interface ImpactJson {
  readonly live_tokens: number;
  readonly clients: readonly { readonly username: string }[];
  readonly client_count: number;
}

interface Page {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

/** Each operation's input and the `data` of its answer. The paths and the rest of the shapes are the admin API's. */
export interface OperationShapes {
  listAccounts: { input: { query: Page }; data: readonly AccountJson[] };
  createAccount: { input: { body: { shortname: string; name?: string | undefined } }; data: AccountJson };
  getAccount: { input: { params: { shortname: string } }; data: AccountJson };
  changeAccount: {
    input: {
      params: { shortname: string };
      body: {
        status?: Standing | undefined;
        name?: string | undefined;
        key_age_max_seconds?: number | null | undefined;
      };
    };
    data: AccountJson;
  };
  listUsers: { input: { query: Page & { q?: string | undefined } }; data: readonly UserJson[] };
  createUser: {
    input: {
      body: {
        name: string;
        account: string;
        access: UserJson["access"];
        may_rotate?: boolean | undefined;
        networks?: readonly string[] | undefined;
      };
    };
    data: UserJson;
  };
  getUser: { input: { params: { username: string } }; data: UserJson };
  changeUser: {
    input: {
      params: { username: string };
      body: {
        status?: Standing | undefined;
        may_rotate?: boolean | undefined;
        networks?: readonly string[] | undefined;
      };
    };
    data: UserJson;
  };
  listAllKeys: {
    input: {
      query: Page & {
        username?: string | undefined;
        expiring?: string | undefined;
        unused?: string | undefined;
      };
    };
    data: readonly KeyJson[];
  };
  getKey: { input: { params: { id: number } }; data: KeyJson };
  listKeyDescendants: { input: { params: { id: number }; query: Page }; data: readonly KeyJson[] };
  changeKey: {
    input: {
      params: { id: number };
      query?: { with_descendants: boolean };
      body: {
        status?: "active" | "deactivated" | "revoked" | undefined;
        label?: string | null | undefined;
        expires_at?: string | null | undefined;
        networks?: readonly string[] | undefined;
      };
    };
    data: KeyJson;
  };
  listResourceServers: { input: { query: Page }; data: readonly ResourceServerJson[] };
  createResourceServer: { input: { body: { name: string } }; data: ResourceServerWithSecretJson };
  changeResourceServer: {
    input: { params: { name: string }; body: { status: Standing } };
    data: ResourceServerJson;
  };
  rotateResourceServerSecret: {
    input: { params: { name: string }; body: { grace_seconds: number } };
    data: ResourceServerWithSecretJson;
  };
  listOperators: { input: { query: Page & { q?: string | undefined } }; data: readonly OperatorJson[] };
  changeOperator: { input: { params: { id: number }; body: { status: Standing } }; data: OperatorJson };
  getImpact: {
    input: { query: { account?: string; username?: string; key_id?: number } };
    data: ImpactJson;
  };
}

export type OperationId = keyof OperationShapes;
export type InputOf<Id extends OperationId> = OperationShapes[Id]["input"];
export type DataOf<Id extends OperationId> = OperationShapes[Id]["data"];

/** The parts of a request. */
export interface OperationInput {
  readonly params?: Readonly<Record<string, string | number>>;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: object;
}

export interface OperationAnswer<Data> {
  readonly data: Data;
  readonly warnings: readonly WarningItem[];
  /** The cursor of the next page of a list; `null` on the last one. */
  readonly nextCursor: string | null;
}

/**
 * Carries out an operation.
 *
 * @throws {Refusal} as the admin API refuses it @throws {OperatorError} if a server can't be reached, or answers as none of these do
 */
export type Operate = <Id extends OperationId>(id: Id, input: InputOf<Id>) => Promise<OperationAnswer<DataOf<Id>>>;

/** How many items are asked for at once: the most that the admin API gives. */
const PAGE_ITEMS = 500;

type ListId = { [Id in OperationId]: DataOf<Id> extends readonly unknown[] ? Id : never }[OperationId];

/** Reads all pages of a list. A server whose pages don't end is left when a page is empty or a cursor comes again. */
export async function listAll<Id extends ListId>(
  operate: Operate,
  id: Id,
  input: InputOf<Id>,
): Promise<DataOf<Id>[number][]> {
  const items: DataOf<Id>[number][] = [];
  const seen = new Set<string>();
  let cursor: string | undefined;
  do {
    const { query } = input as { readonly query: object };
    const page = await operate(id, { ...input, query: { ...query, limit: PAGE_ITEMS, cursor } });
    for (const item of page.data as readonly DataOf<Id>[number][]) items.push(item);
    cursor = page.data.length === 0 ? undefined : (page.nextCursor ?? undefined);
    if (cursor !== undefined && seen.has(cursor)) break;
    if (cursor !== undefined) seen.add(cursor);
  } while (cursor !== undefined);
  return items;
}

/** The cursor in a link to a page. Only the cursor is used, so a server can't send a command to another address. */
export function cursorOf(link: string | null | undefined): string | null {
  if (typeof link !== "string") return null;
  return new URLSearchParams(link.split("?", 2)[1] ?? "").get("cursor");
}
