import { OUTCOMES } from "../../../core/webhooks/model.ts";
import { OVERLAP_MS_DEFAULT, OVERLAP_MS_MAX } from "../../../core/webhooks/changes.ts";
import { PATTERNS_MAX } from "../../../core/webhooks/event-filter.ts";
import { URL_CHARACTERS_MAX } from "../../../core/webhooks/url.ts";
import {
  sample,
  count,
  id,
  object,
  objectWith,
  page,
  patchOf,
  shortname,
  standing,
  text,
  textOrNull,
  time,
  timeOrNull,
} from "../http/schema.ts";

const url = {
  type: "string",
  // The core says what is wrong; this only bounds the length.
  maxLength: 2 * URL_CHARACTERS_MAX,
  examples: ["https://hooks.example.com/countersign"],
  description: "https://…; http:// only for the networks of COUNTERSIGN_WEBHOOK_NETWORKS",
} as const;

const events = {
  type: "array",
  items: { type: "string", maxLength: 100 },
  minItems: 1,
  maxItems: PATTERNS_MAX,
  examples: [["key.*"]],
  description: 'Actions such as "key.revoked", all of a kind such as "key.*", or "*" for all',
} as const;

const label = { type: ["string", "null"], maxLength: 1000 } as const;

const webhook = {
  id,
  url: sample(text, "https://hooks.example.com/countersign"),
  label: textOrNull,
  events: { type: "array", items: sample(text, "key.*") },
  account: { ...textOrNull, description: "The account to whose events it is limited; null for all events" },
  status: standing,
  disabled_reason: {
    enum: ["failing", "gone", null],
    examples: [null],
    description:
      "Why the service deactivated it by itself: failing for 3 days, or gone (the receiver answered 410); null if it didn't",
  },
  created_by: sample(text, "admin-token:deploy"),
  created_at: time,
  previous_secret_ends_at: {
    ...timeOrNull,
    description: "Until then, deliveries are also signed with the previous secret",
  },
  last_delivered_at: timeOrNull,
  failed_attempts: { ...sample(count, 0), description: "How often the delivery of the next event has failed" },
  failing_since: timeOrNull,
  next_attempt_at: timeOrNull,
} as const;

export const Webhook = object(webhook);

export const WebhookWithSecret = object({
  ...webhook,
  secret: {
    ...sample(textOrNull, "whsec_…"),
    description: "whsec_…, shown only in this response; null if the request repeats an earlier one",
  },
});

export const WebhooksQuery = objectWith([], { account: shortname, status: standing, ...page });

export const NewWebhook = objectWith(["url"], {
  url,
  events: { ...events, default: ["*"] },
  label,
  account: {
    ...textOrNull,
    maxLength: 100,
    description: "Limits it to the events of this account; by default the caller's account. null: not limited to one",
  },
});

export const WebhookPatch = sample(
  patchOf(Webhook, {
    url,
    events,
    label,
    status: standing,
    skip_pending: {
      type: "boolean",
      description: 'With "status": "active": leave out the events that weren\'t delivered so far',
    },
  }),
  { status: "deactivated" },
);

export const WebhookRotation = sample(
  objectWith([], {
    overlap_seconds: {
      type: "integer",
      minimum: 0,
      maximum: OVERLAP_MS_MAX / 1000,
      default: OVERLAP_MS_DEFAULT / 1000,
      description: "How long deliveries are signed with the previous secret, too",
    },
  }),
  { overlap_seconds: 3600 },
);

const attempt = {
  outcome: { enum: OUTCOMES },
  http_status: {
    type: ["integer", "null"],
    examples: [200],
    description: "The status of the receiver's answer; null if there was none",
  },
  duration_ms: count,
  message: { ...sample(text, "The receiver accepted it with status 200."), description: "The outcome in words" },
} as const;

export const WebhookTestResult = object(attempt);

export const WebhookDelivery = object({
  id,
  message_id: {
    ...sample(text, "msg_…"),
    description: "The header webhook-id, the same in every attempt to deliver this event",
  },
  event_seq: count,
  action: sample(text, "key.deactivated"),
  attempt: { ...count, description: "1 for the first attempt to deliver this event" },
  at: time,
  ...attempt,
});
