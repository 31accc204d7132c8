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
  ...page,
});

export const EventsExportQuery = objectWith(["format"], { ...eventFilter, format: { enum: ["csv", "jsonl"] } });
