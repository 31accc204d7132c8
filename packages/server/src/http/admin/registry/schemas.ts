import { sample, count, flag, object, objectWith, text, texts, textOrNull, time } from "../http/schema.ts";

/** The core reads the entries, and explains what is wrong with each. */
const entries = { type: "array", items: { type: "object", additionalProperties: true } } as const;

/** The document, as far as its sections. Its own schema, docs/registry.schema.json, says the rest. */
export const RegistryDocument = {
  ...objectWith([], {
    $schema: { type: "string", maxLength: 2048 },
    version: { enum: [1] },
    account: { type: "string", maxLength: 100, description: "The account that the document describes alone" },
    accounts: { ...entries, description: "With their API users, and those with their keys" },
    resource_servers: entries,
    webhooks: entries,
    operators: { ...entries, description: "For owners" },
  }),
  examples: [{ version: 1, accounts: [{ shortname: "acme", users: [{ name: "shop", access: "full" }] }] }],
  description: "The registry as countersign export prints it; docs/registry.schema.json is its whole schema",
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
      action: sample({ enum: ["create", "change", "deactivate", "revoke"] }, "change"),
      kind: { enum: ["account", "user", "key", "resource_server", "webhook", "operator"] },
      name: sample(text, "acme"),
      changes: {
        type: "array",
        items: object({ member: sample(text, "name"), from: sample({}, "acme"), to: sample({}, "Acme") }),
      },
      pruned: { ...flag, description: "Switched off because the document doesn't mention it" },
    }),
    description: "In the order in which they are made",
  },
  summary: object({ create: sample(count, 0), change: count, switch_off: sample(count, 0) }),
  notes: { ...sample(texts, []), description: "What the document says and nothing is done about" },
} as const;

export const RegistryPlan = object(plan);

export const AppliedRegistry = object({
  ...plan,
  applied: { ...count, description: "How many changes were made" },
  secrets: {
    type: "array",
    description: "New secrets and one-time links, shown only in this response",
    examples: [[{ kind: "resource_server", name: "orders", client_id: "rs-1", client_secret: "csrs_…" }]],
    items: objectWith(["kind", "name"], {
      kind: { enum: ["resource_server", "webhook", "operator"] },
      name: sample(text, "acme"),
      client_id: text,
      client_secret: text,
      id: count,
      secret: text,
      link: textOrNull,
      expires_at: time,
    }),
  },
});
