import {
  count,
  direction,
  flag,
  object,
  objectWith,
  page,
  sample,
  search,
  text,
  textOrNull,
  time,
} from "../http/schema.ts";

export const AuditEvent = object({
  seq: count,
  at: time,
  actor: sample(text, "admin-token:deploy"),
  action: sample(text, "key.deactivated"),
  subject: sample(text, "key:1"),
  details: { type: "object", additionalProperties: true },
  previous_hash: { ...textOrNull, description: "null if the caller is limited to an account" },
  hash: { ...textOrNull, description: "null if the caller is limited to an account" },
});

export const AuditPosition = object({
  store_id: sample(text, "5f0c8a51e0f14a1f8d1d2a6a3f2b9c77"),
  previous_store_id: { ...textOrNull, description: "Of the store before a restored one was accepted" },
  seq: { ...count, description: "0 if there is no event" },
  hash: sample(text, "d281…"),
});

export const ChainReport = objectWith(["ok", "events"], {
  ok: sample(flag, true),
  events: { ...count, description: "Number of events read" },
  last_hash: text,
  seq: { ...count, description: "The event at which the chain breaks" },
  problem: text,
});

const eventFilter = {
  actor: { type: "string", maxLength: 400 },
  actor_contains: { ...search, description: "Any part of the actor, in either case. Without effect beside actor" },
  subject: { type: "string", maxLength: 200, description: "Such as key:3" },
  action: { type: "string", maxLength: 100, description: "Such as key.deactivated, or a prefix of it: key" },
  from: { ...time, description: "Inclusive" },
  until: { ...time, description: "Exclusive" },
} as const;

export const EventsQuery = objectWith([], {
  ...eventFilter,
  direction: { ...direction, description: "Default: descending, the newest first" },
  after: {
    type: "integer",
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    description: "The number (seq) of an event: only those after it. With direction=ascending",
  },
  ...page,
});

export const EventsExportQuery = objectWith(["format"], { ...eventFilter, format: { enum: ["csv", "jsonl"] } });
