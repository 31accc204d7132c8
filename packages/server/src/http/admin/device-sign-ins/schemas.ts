import {
  COMMAND_LINE_HOURS_DEFAULT,
  COMMAND_LINE_HOURS_FEDERATED_MAX,
  COMMAND_LINE_HOURS_MAX,
} from "@countersign/protocol";
import { count, object, objectWith, role, sample, secret, text, textOrNull, time, timeOrNull } from "../http/schema.ts";

export const NewDeviceSignIn = object({
  host_name: {
    type: "string",
    maxLength: 1000,
    examples: ["laptop"],
    description: "The name of the command line's machine, for the operator to see",
  },
});

export const StartedDeviceSignIn = object({
  device_code: { ...sample(text, "csdc_…"), description: "csdc_…: by which the command line asks; a secret" },
  user_code: { ...sample(text, "WDJB-MJHT"), description: "Which the operator types in the console" },
  verification_uri: {
    ...sample(text, "https://countersign-admin.example.com/device"),
    description: "Where the operator types it",
  },
  expires_in: { ...count, description: "How long the codes are valid, in seconds" },
  interval: { ...count, description: "How long to wait between two questions, in seconds" },
});

export const DeviceCode = object({ device_code: secret });

export const DeviceVerdict = object({
  status: {
    enum: ["authorization_pending", "slow_down", "access_denied", "expired_token", "signed_in"],
    description: "As RFC 8628 §3.5 names it; expired_token also for a code that is wrong or was used",
  },
  token: { ...textOrNull, description: "csat_…, once: with signed_in" },
  name: { ...textOrNull, description: "The token's name in the audit log" },
  operator: textOrNull,
  role: { anyOf: [role, { type: "null" }] },
  account: textOrNull,
  expires_at: timeOrNull,
});

const userCode = { type: "string", minLength: 1, maxLength: 100, examples: ["WDJB-MJHT"] } as const;

export const UserCode = object({ user_code: userCode });

export const DeviceSignIn = object({
  host_name: { ...sample(text, "laptop"), description: "As the command line said it; nothing verifies it" },
  address: { ...sample(text, "198.51.100.7"), description: "The address that the request came from" },
  created_at: time,
  expires_at: time,
});

export const DeviceApproval = objectWith(["user_code", "role"], {
  user_code: userCode,
  role,
  account: {
    type: ["string", "null"],
    maxLength: 1000,
    description: "Limits the grant to one account; your own, unless given",
  },
  life_seconds: {
    type: "integer",
    examples: [43_200],
    description: `How long the command line stays signed in: ${COMMAND_LINE_HOURS_DEFAULT} hours, unless given, and ${COMMAND_LINE_HOURS_MAX} at most (${COMMAND_LINE_HOURS_FEDERATED_MAX} for operators of an identity provider)`,
  },
});
