import { count, flag, object, objectWith, text, texts, textOrNull, time } from "../http/schema.ts";

/** The document. Its own schema, docs/registry.schema.json, says what it holds; the core reads it, and explains what is wrong. */
export const RegistryDocument = {
  type: "object",
  additionalProperties: true,
  description:
    "The registry as countersign export prints it: version, account, accounts, resource_servers, webhooks and operators; docs/registry.schema.json is its schema",
} as const;

export const RegistryQuery = objectWith([], {
  account: {
    type: "string",
    maxLength: 100,
    description: "The shortname of the account to export alone; by default the caller's",
  },
  format: { enum: ["json", "yaml"], default: "json" },
});

export const PlanQuery = objectWith([], {
  prune: {
    type: "boolean",
    default: false,
    description: "Switch off what the document's lists don't mention; nothing is ever deleted",
  },
});

const plan = {
  changes: {
    type: "array",
    items: object({
      action: { enum: ["create", "change", "deactivate", "revoke"] },
      kind: { enum: ["account", "user", "key", "resource_server", "webhook", "operator"] },
      name: text,
      changes: { type: "array", items: object({ member: text, from: {}, to: {} }) },
      pruned: { ...flag, description: "Switched off because the document doesn't mention it" },
    }),
    description: "In the order in which they are made",
  },
  summary: object({ create: count, change: count, switch_off: count }),
  notes: { ...texts, description: "What the document says and nothing is done about" },
} as const;

export const RegistryPlan = object(plan);

export const AppliedRegistry = object({
  ...plan,
  applied: { ...count, description: "How many changes were made" },
  secrets: {
    type: "array",
    description: "New secrets and one-time links, shown only in this response",
    items: objectWith(["kind", "name"], {
      kind: { enum: ["resource_server", "webhook", "operator"] },
      name: text,
      client_id: text,
      client_secret: text,
      id: count,
      secret: text,
      link: textOrNull,
      expires_at: time,
    }),
  },
});
