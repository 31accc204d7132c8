/**
 * The port through which commands work: the operations of the admin API, by their ids. Behind it is either an open store, or a server
 * with an admin token (`remote-operations.ts`). A command knows neither; what it prints is the same.
 */
import type { WarningItem } from "@countersign/protocol";
import type { Report as DoctorReport, reportJson } from "../core/doctor/run-checks.ts";
import type { planJson } from "../core/declared-state/plan.ts";
import type { ExplainStep } from "../core/explain.ts";
import type { chainReportJson } from "../core/feed/verify-chain.ts";
import type { keyChallengeJson } from "../core/json/key-challenge.ts";
import type { adminTokenJson, operatorJson } from "../core/json/operators.ts";
import type {
  accountJson,
  eventJson,
  keyJson,
  nodeJson,
  resourceServerJson,
  signingKeyJson,
  userJson,
} from "../core/json/registry.ts";
import { OperatorError } from "../core/operator-error.ts";
import type { attemptJson, deliveryJson, webhookJson } from "../core/json/webhooks.ts";
import type { Standing } from "../core/standing.ts";

export type AccountJson = ReturnType<typeof accountJson>;
export type EventJson = ReturnType<typeof eventJson>;
export type OperatorJson = ReturnType<typeof operatorJson>;
export type UserJson = ReturnType<typeof userJson>;
/** An API user with its figures. */
export interface ListedUserJson extends UserJson {
  readonly active_keys: number;
  readonly keys: number;
  readonly last_used_at: string | null;
  readonly tokens_today: number;
}
export type KeyJson = ReturnType<typeof keyJson>;
export type ResourceServerJson = ReturnType<typeof resourceServerJson>;
export type ResourceServerWithSecretJson = ResourceServerJson & { readonly client_secret: string | null };

export type AdminTokenJson = ReturnType<typeof adminTokenJson>;
export type SigningKeyJson = ReturnType<typeof signingKeyJson> & { readonly signs: boolean };
export type NodeJson = ReturnType<typeof nodeJson>;
export type WebhookJson = ReturnType<typeof webhookJson>;
export type WebhookWithSecretJson = WebhookJson & { readonly secret: string | null };
export type DeliveryJson = ReturnType<typeof deliveryJson>;
/** The place of the last event, and which store's log it is. */
export interface AuditPositionJson {
  readonly store_id: string;
  readonly previous_store_id: string | null;
  readonly seq: number;
  readonly hash: string;
}
export type ChainReportJson = ReturnType<typeof chainReportJson>;

/** What the doctor finds on the node that answers. */
export interface DiagnosisJson extends Pick<DoctorReport, "status" | "counts"> {
  readonly examined_at: string;
  readonly node: string;
  readonly findings: ReturnType<typeof reportJson>["findings"];
}

/** Whose a token is, or why it is inactive. */
export type TokenReportJson =
  | { readonly active: false; readonly reason: string }
  | {
      readonly active: true;
      readonly username: string;
      readonly user_id: number;
      readonly account: string;
      readonly access: string;
      readonly key_id: number;
      readonly expires_at: string;
    };

/** What a deactivation would stop. */
export interface ImpactJson {
  readonly live_tokens: number;
  readonly clients: readonly { readonly username: string }[];
  readonly client_count: number;
}

/** What applying a document would change, or has changed. */
export type PlanJson = ReturnType<typeof planJson>;
type ShownDetail = string | number | null;

/** No members. */
type Nothing = Readonly<Record<string, undefined>>;

interface Page {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

/** Each operation's input and the `data` of its answer. The paths and the rest of the shapes are the admin API's. */
export interface OperationShapes {
  listAccounts: {
    input: { query: Page & { status?: Standing | undefined; archived?: boolean | undefined; q?: string | undefined } };
    data: readonly AccountJson[];
  };
  createAccount: {
    input: {
      body: {
        shortname: string;
        name?: string | undefined;
        description?: string | undefined;
        contact?: string | undefined;
      };
    };
    data: AccountJson;
  };
  getAccount: { input: { params: { shortname: string } }; data: AccountJson };
  changeAccount: {
    input: {
      params: { shortname: string };
      body: {
        status?: Standing | undefined;
        name?: string | undefined;
        key_age_max_seconds?: number | null | undefined;
        description?: string | null | undefined;
        contact?: string | null | undefined;
        archived?: boolean | undefined;
      };
    };
    data: AccountJson;
  };
  listUsers: {
    input: {
      query: Page & {
        q?: string | undefined;
        name_prefix?: string | undefined;
        account?: string | undefined;
        status?: Standing | undefined;
        access?: UserJson["access"] | undefined;
        archived?: boolean | undefined;
      };
    };
    data: readonly ListedUserJson[];
  };
  createUser: {
    input: {
      body: {
        name: string;
        account: string;
        access: UserJson["access"];
        may_rotate?: boolean | undefined;
        networks?: readonly string[] | undefined;
        display_name?: string | undefined;
        description?: string | undefined;
        contact?: string | undefined;
      };
    };
    data: UserJson;
  };
  getUser: { input: { params: { username: string } }; data: ListedUserJson };
  changeUser: {
    input: {
      params: { username: string };
      body: {
        status?: Standing | undefined;
        access?: UserJson["access"] | undefined;
        archived?: boolean | undefined;
        display_name?: string | null | undefined;
        description?: string | null | undefined;
        contact?: string | null | undefined;
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
        account?: string | undefined;
        status?: "active" | "deactivated" | "revoked" | undefined;
        expiring?: string | undefined;
        unused?: string | undefined;
        weak?: "true" | undefined;
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
  listAuditEvents: {
    input: {
      query: Page & {
        actor?: string | undefined;
        actor_contains?: string | undefined;
        action?: string | undefined;
        subject?: string | undefined;
        from?: string | undefined;
        until?: string | undefined;
        direction?: "ascending" | undefined;
        after?: number | undefined;
      };
      isVerbatim?: true;
    };
    data: readonly EventJson[];
  };
  addKey: {
    input: {
      params: { username: string };
      body: {
        public_key: string;
        label?: string | undefined;
        expires_in_seconds?: number | undefined;
        networks?: readonly string[] | undefined;
        proof?: string | undefined;
      };
    };
    data: KeyJson;
  };
  createKeyChallenge: {
    input: { params: { username: string }; isForThisProcess?: true };
    data: ReturnType<typeof keyChallengeJson>;
  };
  checkToken: { input: { body: { token: string } }; data: TokenReportJson };
  explainAssertion: {
    input: { body: { assertion: string; from?: string | undefined } };
    data: { readonly accepted: boolean; readonly code: string | null; readonly steps: readonly ExplainStep[] };
  };
  getAuditPosition: { input: Nothing; data: AuditPositionJson };
  verifyAuditChain: { input: Nothing; data: ChainReportJson };
  listSigningKeys: { input: { query: Nothing }; data: readonly SigningKeyJson[] };
  rotateSigningKey: { input: Nothing; data: SigningKeyJson };
  retireSigningKey: { input: { params: { number: number }; body: { status: "retired" } }; data: SigningKeyJson };
  listNodes: { input: { query: Nothing }; data: readonly NodeJson[] };
  listAdminTokens: { input: { query: Page }; data: readonly AdminTokenJson[] };
  createAdminToken: {
    input: { body: { name: string; role: string; account: string | null; expires_at?: string | undefined } };
    data: AdminTokenJson & { readonly token: string | null };
  };
  revokeAdminToken: { input: { params: { id: number } }; data: AdminTokenJson };
  listWebhooks: { input: { query: Page }; data: readonly WebhookJson[] };
  createWebhook: {
    input: {
      body: {
        url: string;
        events?: readonly string[] | undefined;
        label?: string | undefined;
        account?: string | undefined;
      };
    };
    data: WebhookWithSecretJson;
  };
  changeWebhook: {
    input: {
      params: { id: number };
      body: {
        url?: string | undefined;
        events?: readonly string[] | undefined;
        label?: string | undefined;
        status?: Standing | undefined;
        skip_pending?: boolean | undefined;
      };
    };
    data: WebhookJson;
  };
  rotateWebhookSecret: {
    input: { params: { id: number }; body: { overlap_seconds: number } };
    data: WebhookWithSecretJson;
  };
  testWebhook: { input: { params: { id: number } }; data: ReturnType<typeof attemptJson> };
  listWebhookDeliveries: { input: { params: { id: number }; query: Page }; data: readonly DeliveryJson[] };
  importUsers: {
    input: {
      body: {
        dry_run?: boolean;
        rows: readonly {
          account: string;
          name: string;
          access?: UserJson["access"] | undefined;
          status?: Standing | undefined;
          may_rotate?: boolean | undefined;
          networks?: readonly string[] | undefined;
          public_key?: string | undefined;
          label?: string | undefined;
          expires_at?: string | undefined;
          key_status?: Standing | undefined;
          key_networks?: readonly string[] | undefined;
          display_name?: string | undefined;
          description?: string | undefined;
          contact?: string | undefined;
        }[];
      };
    };
    data: {
      readonly rows: readonly {
        readonly outcome: string;
        readonly username: string | null;
        readonly key_id: number | null;
        readonly code: string | null;
        readonly message: string | null;
      }[];
      readonly refused: number;
    };
  };
  planRegistry: { input: { query: { prune: boolean }; body: object }; data: PlanJson };
  applyRegistry: {
    input: { query: { prune: boolean }; body: object; ifMatch: string };
    data: PlanJson & { readonly applied: number; readonly secrets: readonly Readonly<Record<string, ShownDetail>>[] };
  };
  getDiagnosis: { input: Nothing; data: DiagnosisJson };
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
  /** The version that is changed: the request is refused if there is another one by now. */
  readonly ifMatch?: string;
  /** Is the answer used by this process alone? A store's master secret isn't needed then; to a server it makes no difference. */
  readonly isForThisProcess?: true;
  /** Is the answer's text needed as it was stored, because it is hashed? It isn't safe to print then. */
  readonly isVerbatim?: true;
}

export interface OperationAnswer<Data> {
  readonly data: Data;
  readonly warnings: readonly WarningItem[];
  /** The cursor of the next page of a list; `null` on the last one. */
  readonly nextCursor: string | null;
  /** The version that a server answers with; `undefined` from a store. */
  readonly etag?: string | undefined;
}

/**
 * Carries out an operation.
 *
 * @throws {Refusal} as the admin API refuses it @throws {OperatorError} if a server can't be reached, or answers as none of these do
 */
export type Operate = <Id extends OperationId>(id: Id, input: InputOf<Id>) => Promise<OperationAnswer<DataOf<Id>>>;

/** An answer that a command can't go on with, and what it said all the same: secrets may be in it. */
export class UnusableAnswer extends OperatorError {
  /** The answer's `data`. */
  readonly data: unknown;

  constructor(message: string, data: unknown) {
    super(message);
    this.data = data;
  }
}

/** How many items are asked for at once: the most that the admin API gives. */
const PAGE_ITEMS = 500;

/** After so many pages, some five million items, a list is taken for one that doesn't end. */
const PAGES_MAX = 10_000;

type ListId = { [Id in OperationId]: DataOf<Id> extends readonly unknown[] ? Id : never }[OperationId];

/** A part of a list, and where it goes on. */
export interface ListPart<Item> {
  readonly items: Item[];
  /** `undefined` at the end of the list. */
  readonly cursor: string | undefined;
}

/**
 * Reads a list, in as many pages as needed, up to `limit` items. A server whose pages don't end is left when a page is empty or a
 * cursor comes again.
 *
 * @param part.cursor where to begin @throws {OperatorError} after {@link PAGES_MAX} pages
 */
export async function listPart<Id extends ListId>(
  operate: Operate,
  id: Id,
  input: InputOf<Id>,
  {
    limit = Number.POSITIVE_INFINITY,
    cursor: first,
  }: { readonly limit?: number; readonly cursor?: string | undefined },
): Promise<ListPart<DataOf<Id>[number]>> {
  const items: DataOf<Id>[number][] = [];
  const seen = new Set<string>();
  let cursor = first;
  do {
    const { query } = input as { readonly query: object };
    const page = await operate(id, {
      ...input,
      query: { ...query, limit: Math.min(PAGE_ITEMS, limit - items.length), cursor },
    });
    for (const item of page.data as readonly DataOf<Id>[number][]) items.push(item);
    cursor = page.data.length === 0 ? undefined : (page.nextCursor ?? undefined);
    if (cursor === undefined || seen.has(cursor)) return { items, cursor: undefined };
    seen.add(cursor);
    if (seen.size === PAGES_MAX) {
      throw new OperatorError(
        `The list doesn't end: it has more than ${PAGES_MAX} pages. Narrow it, or read it in parts where the command has --limit.`,
      );
    }
  } while (items.length < limit);
  return { items, cursor };
}

/** Reads all pages of a list; see {@link listPart}. */
export async function listAll<Id extends ListId>(
  operate: Operate,
  id: Id,
  input: InputOf<Id>,
): Promise<DataOf<Id>[number][]> {
  return (await listPart(operate, id, input, {})).items;
}

/** The cursor in a link to a page. Only the cursor is used, so a server can't send a command to another address. */
export function cursorOf(link: string | null | undefined): string | null {
  if (typeof link !== "string") return null;
  return new URLSearchParams(link.split("?", 2)[1] ?? "").get("cursor");
}
