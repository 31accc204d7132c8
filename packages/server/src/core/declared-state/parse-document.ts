import { checkDisplayText, checkName, checkNotes } from "../names.ts";
import { parseNetworks } from "../networks.ts";
import { requireEmail } from "../operators/email.ts";
import { type FieldProblem, Refusal } from "../refusal.ts";
import { parseEventFilter } from "../webhooks/event-filter.ts";
import { parseWebhookUrl } from "../webhooks/url.ts";
import { checkSchema, PROBLEMS_MAX } from "./check-schema.ts";
import type {
  DeclaredAccount,
  DeclaredKey,
  DeclaredOperator,
  DeclaredRegistry,
  DeclaredResourceServer,
  DeclaredUser,
  DeclaredWebhook,
} from "./model.ts";
import { REGISTRY_SCHEMA } from "./schema.ts";

/** The members of an object that fits the schema. */
type Members = Readonly<Record<string, unknown>>;

/** A document that isn't valid. Each of its fields is a JSON pointer into the document. */
export function documentRefusal(problems: readonly FieldProblem[]): Refusal {
  const [first] = problems;
  const count = problems.length;
  const more = count > 1 ? ` (and ${count - 1} more)` : "";
  const where = first === undefined || first.field === "" ? "" : `${first.field}: `;
  return new Refusal("field_invalid", `The document isn't valid. ${where}${first?.message ?? ""}${more}`, {
    fields: problems,
  });
}

/**
 * Parses a document: its form, its names, and what it says twice. Whether the registry can become what it says is found by the plan,
 * which also refuses `problems`.
 *
 * @param value what JSON or YAML gave; its objects have no member twice
 * @throws {Refusal} `field_invalid` if it doesn't fit the schema
 */
export function parseRegistryDocument(value: unknown): DeclaredRegistry {
  const problems: FieldProblem[] = [];
  checkSchema(value, REGISTRY_SCHEMA, "", problems);
  if (problems.length > 0) throw documentRefusal(problems.slice(0, PROBLEMS_MAX));
  const document = value as Members;
  const sections = ["accounts", "resource_servers", "webhooks", "operators"];
  if (!sections.some((section) => Object.hasOwn(document, section))) {
    problems.push({ field: "", message: `It has none of the sections ${sections.join(", ")}, so it says nothing.` });
  }
  const parse = createParsers(
    (field, message) => {
      reportProblem(problems, field, message);
    },
    document["account"] as string | undefined,
  );
  return {
    problems,
    account: document["account"] as string | undefined,
    accounts: parse.list(document, "", "accounts", parse.account, ({ shortname }) => shortname),
    resourceServers: parse.list(document, "", "resource_servers", parse.resourceServer, ({ name }) => name),
    // The plan compares URLs, and needs some.
    webhooks: parse.list(document, "", "webhooks", parse.webhook)?.filter(({ url }) => url !== ""),
    operators: parse.list(document, "", "operators", parse.operator, ({ email }) => email),
  };
}

/**
 * Adds a problem. With {@link PROBLEMS_MAX} of them it refuses the document, instead of going through the rest of a large one.
 *
 * @param field a JSON pointer
 * @throws {Refusal} `field_invalid`
 */
export function reportProblem(problems: FieldProblem[], field: string, message: string): void {
  problems.push({ field, message });
  if (problems.length >= PROBLEMS_MAX) throw documentRefusal(problems);
}

function createParsers(report: (field: string, message: string) => void, onlyAccount: string | undefined) {
  /** Runs a check of the core, and turns its refusal into a problem of this member. */
  function attempt<Value>(field: string, work: () => Value, otherwise: Value): Value {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      report(field, error.message);
      return otherwise;
    }
  }

  function list<Item>(
    parent: Members,
    at: string,
    member: string,
    parseItem: (item: Members, at: string) => Item,
    nameOf?: (item: Item) => string,
  ): readonly Item[] | undefined {
    const items = parent[member] as readonly Members[] | undefined;
    const names = new Set<string>();
    return items?.map((each, index) => {
      const field = `${at}/${member}/${index}`;
      const item = parseItem(each, field);
      const name = nameOf?.(item);
      if (name !== undefined && names.has(name)) {
        report(field, "The list has an entry of this name already.");
      }
      if (name !== undefined) names.add(name);
      return item;
    });
  }

  function networksOf(item: Members, at: string): readonly string[] | undefined {
    const texts = item["networks"] as readonly string[] | null | undefined;
    if (texts === undefined || texts === null) return texts === null ? [] : undefined;
    return attempt(`${at}/networks`, () => parseNetworks(texts), []);
  }

  function checkText(item: Members, at: string, member: string): void {
    const text = item[member];
    if (typeof text === "string") attempt(`${at}/${member}`, () => checkDisplayText(member, text), undefined);
  }

  function checkNotesOf(item: Members, at: string): void {
    for (const [member, notes] of [
      ["display_name", { displayName: item["display_name"] as string | null | undefined }],
      ["description", { description: item["description"] as string | null | undefined }],
      ["contact", { contact: item["contact"] as string | null | undefined }],
    ] as const) {
      attempt(`${at}/${member}`, () => checkNotes(notes), undefined);
    }
  }

  function checkOwnName(item: Members, at: string, member: string): void {
    attempt(`${at}/${member}`, () => checkName(member, item[member] as string), undefined);
  }

  /** A document for one account mentions nothing outside of it. */
  function checkScope(account: string | null, at: string): void {
    if (onlyAccount === undefined || account === onlyAccount) return;
    report(at, "The document describes one account alone, and this isn't part of it.");
  }

  function account(item: Members, at: string): DeclaredAccount {
    checkOwnName(item, at, "shortname");
    checkText(item, at, "name");
    checkNotesOf(item, at);
    checkScope(item["shortname"] as string, `${at}/shortname`);
    return {
      at,
      shortname: item["shortname"] as string,
      name: item["name"] as string | undefined,
      status: item["status"] as DeclaredAccount["status"],
      keyAgeMaxSeconds: item["key_age_max_seconds"] as number | null | undefined,
      description: item["description"] as string | null | undefined,
      contact: item["contact"] as string | null | undefined,
      users: list(item, at, "users", user, ({ name }) => name),
    };
  }

  function user(item: Members, at: string): DeclaredUser {
    checkOwnName(item, at, "name");
    checkNotesOf(item, at);
    return {
      at,
      name: item["name"] as string,
      access: item["access"] as DeclaredUser["access"],
      status: item["status"] as DeclaredUser["status"],
      mayRotate: item["may_rotate"] as boolean | undefined,
      displayName: item["display_name"] as string | null | undefined,
      description: item["description"] as string | null | undefined,
      contact: item["contact"] as string | null | undefined,
      networks: networksOf(item, at),
      keys: list(item, at, "keys", key),
    };
  }

  function key(item: Members, at: string): DeclaredKey {
    checkText(item, at, "label");
    const expiresAt = item["expires_at"];
    return {
      at,
      text: item["public_key"] as string,
      label: item["label"] as string | null | undefined,
      status: item["status"] as DeclaredKey["status"],
      expiresAtMs: typeof expiresAt === "string" ? Date.parse(expiresAt) : (expiresAt as null | undefined),
      networks: networksOf(item, at),
    };
  }

  function resourceServer(item: Members, at: string): DeclaredResourceServer {
    checkOwnName(item, at, "name");
    if (onlyAccount !== undefined) checkScope(null, at);
    return { at, name: item["name"] as string, status: item["status"] as DeclaredResourceServer["status"] };
  }

  function webhook(item: Members, at: string): DeclaredWebhook {
    checkText(item, at, "label");
    const url = item["url"] as string;
    const events = item["events"] as readonly string[] | undefined;
    const { account = null, label } = item as { account?: string | null; label?: string | null };
    checkScope(account, `${at}/account`);
    return {
      at,
      url: attempt(`${at}/url`, () => parseWebhookUrl(url), ""),
      account,
      label,
      events: events && attempt(`${at}/events`, () => parseEventFilter(events), events),
      status: item["status"] as DeclaredWebhook["status"],
    };
  }

  function operator(item: Members, at: string): DeclaredOperator {
    const email = item["email"] as string;
    const account = item["account"] as string | null | undefined;
    checkScope(account ?? null, `${at}/account`);
    return {
      at,
      email: attempt(`${at}/email`, () => requireEmail(email), email),
      role: item["role"] as DeclaredOperator["role"],
      account,
      status: item["status"] as DeclaredOperator["status"],
    };
  }

  return { list, account, resourceServer, webhook, operator };
}
