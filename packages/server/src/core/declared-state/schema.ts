/**
 * Declared state: the registry as one document, which can be exported, kept under version control, compared and applied.
 *
 * The document's schema and its parser, the export, the plan (how the registry differs from a document) and its execution. The plan's
 * steps are the changes of the other folders; no rule of an aggregate belongs here.
 */
import { ROLES } from "@countersign/protocol";
import { NETWORKS_MAX } from "../networks.ts";

/** The format of documents that this release reads and writes. */
export const DOCUMENT_VERSION = 1;

/** The name of the file that holds the schema, beside the documents that refer to it. */
export const SCHEMA_FILE = "registry.schema.json";

/** The part of JSON Schema (draft 2020-12) that the document's schema uses. See `checkSchema`. */
export interface Schema {
  readonly description?: string;
  readonly type?:
    | "object"
    | "array"
    | "string"
    | "integer"
    | "boolean"
    | readonly ("string" | "integer" | "array" | "null")[];
  readonly const?: number;
  readonly enum?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false;
  readonly items?: Schema;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  /** Tells editors what the parser checks, and explains, by itself. */
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly format?: "date-time";
}

/** The longest lists of the document, in items. Far more than a registry has, so that a hostile document stays small. */
const ACCOUNTS_MAX = 100_000;
const USERS_MAX = 1_000_000;
const ITEMS_MAX = 10_000;

const status = {
  description: "Left out: stays as it is; active for what is new.",
  enum: ["active", "deactivated"],
} as const satisfies Schema;

const name = {
  description: 'Lower-case letters, digits, ".", "_" and "-".',
  type: "string",
  pattern: "^[a-z0-9][a-z0-9._-]*$",
  maxLength: 63,
} as const satisfies Schema;

const label = { type: ["string", "null"], minLength: 1, maxLength: 200 } as const satisfies Schema;

const notes = {
  description: { description: "What it is for. null: none.", type: ["string", "null"], minLength: 1, maxLength: 500 },
  contact: { description: "Whom to ask about it. null: none.", type: ["string", "null"], minLength: 1, maxLength: 200 },
} as const satisfies Readonly<Record<string, Schema>>;

const networks = {
  description: "IP networks in CIDR form, or addresses. An empty list or null: from anywhere.",
  type: ["array", "null"],
  items: { type: "string", maxLength: 1000 },
  maxItems: NETWORKS_MAX,
} as const satisfies Schema;

const key = object(["public_key"], {
  public_key: {
    description: "PEM, certificate, JWK or OpenSSH line. It is the key's identity. Never a private key.",
    type: "string",
    minLength: 1,
    maxLength: 100_000,
  },
  label: { ...label, description: "What the key is for. null: none." },
  status: { description: "revoked is permanent. " + status.description, enum: ["active", "deactivated", "revoked"] },
  expires_at: {
    description:
      "RFC 3339, such as 2027-12-31T23:59:59Z. null: never, or the latest that the maximum age of the account's keys allows.",
    type: ["string", "null"],
    format: "date-time",
  },
  networks,
});

const user = object(["name"], {
  name: { ...name, description: "Its username is api-<account id>-<name>." },
  access: {
    description: "full (the default for a new user) or read_only. A change holds for its live tokens too.",
    enum: ["full", "read_only"],
  },
  status,
  may_rotate: { description: "May it send in its next key itself?", type: "boolean" },
  networks,
  display_name: { ...label, description: "Its name for people. null: none." },
  ...notes,
  keys: list(key, "All keys of the API user. Left out: its keys aren't managed here."),
});

const account = object(["shortname"], {
  shortname: name,
  name: { description: "By default the shortname.", type: "string", minLength: 1, maxLength: 200 },
  status,
  key_age_max_seconds: {
    description: "The maximum age of its keys, from an hour to 7300 days. null: the service's.",
    type: ["integer", "null"],
    minimum: 3600,
    maximum: 7300 * 86_400,
  },
  ...notes,
  users: list(user, "All API users of the account. Left out: its users aren't managed here.", USERS_MAX),
});

const resourceServer = object(["name"], {
  name: { ...name, description: "A new one gets a secret, which is shown once." },
  status,
});

const webhook = object(["url"], {
  url: {
    description:
      "Where events are sent. URL, account and label are its identity. A new one gets a secret, which is shown once.",
    type: "string",
    minLength: 1,
    maxLength: 2048,
  },
  account: {
    description: "Limits it to the events of this account. null or left out: not limited.",
    type: ["string", "null"],
    maxLength: 63,
  },
  label: { ...label, description: "What the endpoint is for. null: none." },
  events: {
    description: "Actions such as key.revoked, all of a kind such as key.*, or *, which is the default for a new one.",
    type: "array",
    items: { type: "string", maxLength: 100 },
    maxItems: 200,
  },
  status,
});

const operator = object(["email", "role"], {
  email: { description: "A new operator gets a one-time link, which is shown once.", type: "string", maxLength: 254 },
  role: { enum: ROLES },
  account: {
    description:
      "Limits the role to this account. null: all accounts. Left out: stays as it is; all accounts for a new operator.",
    type: ["string", "null"],
    maxLength: 63,
  },
  status,
});

/** The document's JSON Schema, as `countersign export --schema` prints it. */
export const REGISTRY_SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title: "Countersign registry",
  description:
    "What countersign export prints and countersign apply makes true. Members that are left out aren't managed.",
  ...object([], {
    $schema: { description: "For editors.", type: "string", maxLength: 2048 },
    version: { description: "The document's format.", const: DOCUMENT_VERSION },
    account: {
      ...name,
      description:
        "The document describes this account alone: apply changes nothing else, and --prune looks at nothing else.",
    },
    accounts: list(account, "All accounts. Left out: accounts aren't managed here.", ACCOUNTS_MAX),
    resource_servers: list(resourceServer, "All resource servers. Left out: they aren't managed here."),
    webhooks: list(webhook, "All webhook endpoints. Left out: they aren't managed here."),
    operators: list(
      operator,
      "All operators but those who use single sign-on. Left out: operators aren't managed here.",
    ),
  }),
} as const;

function object<const P extends Readonly<Record<string, Schema>>>(
  required: readonly (keyof P & string)[],
  properties: P,
) {
  return { type: "object", properties, required, additionalProperties: false } as const;
}

function list<const Item extends Schema>(items: Item, description: string, maxItems = ITEMS_MAX) {
  return { description, type: "array", items, maxItems } as const;
}
