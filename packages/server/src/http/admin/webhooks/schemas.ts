import { OUTCOMES } from "../../../core/webhooks/model.ts";
import { OVERLAP_MS_DEFAULT, OVERLAP_MS_MAX } from "../../../core/webhooks/changes.ts";
import { PATTERNS_MAX } from "../../../core/webhooks/event-filter.ts";
import { URL_CHARACTERS_MAX } from "../../../core/webhooks/url.ts";
import {
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
  description: "https://…; http:// only for the networks of COUNTERSIGN_WEBHOOK_NETWORKS",
} as const;

const events = {
  type: "array",
  items: { type: "string", maxLength: 100 },
  minItems: 1,
  maxItems: PATTERNS_MAX,
  description: 'Actions such as "key.revoked", all of a kind such as "key.*", or "*" for all',
} as const;

const label = { type: ["string", "null"], maxLength: 1000 } as const;

const webhook = {
  id,
  url: text,
  label: textOrNull,
  events: { type: "array", items: text },
  account: { ...textOrNull, description: "The account to whose events it is limited; null for all events" },
  status: standing,
  disabled_reason: {
    enum: ["failing", "gone", null],
    description:
      "Why the service deactivated it by itself: failing for 3 days, or gone (the receiver answered 410); null if it didn't",
  },
  created_by: text,
  created_at: time,
  previous_secret_ends_at: {
    ...timeOrNull,
    description: "Until then, deliveries are also signed with the previous secret",
  },
  last_delivered_at: timeOrNull,
  failed_attempts: { ...count, description: "How often the delivery of the next event has failed" },
  failing_since: timeOrNull,
  next_attempt_at: timeOrNull,
} as const;

export const Webhook = object(webhook);

export const WebhookWithSecret = object({
  ...webhook,
  secret: {
    ...textOrNull,
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

export const WebhookPatch = patchOf(Webhook, {
  url,
  events,
  label,
  status: standing,
  skip_pending: {
    type: "boolean",
    description: 'With "status": "active": leave out the events that weren\'t delivered so far',
  },
});

export const WebhookRotation = objectWith([], {
  overlap_seconds: {
    type: "integer",
    minimum: 0,
    maximum: OVERLAP_MS_MAX / 1000,
    default: OVERLAP_MS_DEFAULT / 1000,
    description: "How long deliveries are signed with the previous secret, too",
  },
});

const attempt = {
  outcome: { enum: OUTCOMES },
  http_status: {
    type: ["integer", "null"],
    description: "The status of the receiver's answer; null if there was none",
  },
  duration_ms: count,
  message: { ...text, description: "The outcome in words" },
} as const;

export const WebhookTestResult = object(attempt);

export const WebhookDelivery = object({
  id,
  message_id: { ...text, description: "The header webhook-id, the same in every attempt to deliver this event" },
  event_seq: count,
  action: text,
  attempt: { ...count, description: "1 for the first attempt to deliver this event" },
  at: time,
  ...attempt,
});
