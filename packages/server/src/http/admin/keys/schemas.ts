import { ASSERTION_BYTES_MAX, KEY_TEXT_CHARACTERS_MAX } from "@countersign/protocol";
import {
  sample,
  count,
  countOrNull,
  direction,
  name,
  networks,
  object,
  objectWith,
  page,
  patchOf,
  shortname,
  text,
  textOrNull,
  texts,
  time,
  timeOrNull,
} from "../http/schema.ts";

export const PublicKey = object({
  id: count,
  username: sample(text, "api-1-shop"),
  fingerprint: { ...sample(text, "SHA256:…"), description: "SHA256:…, as ssh-keygen -l prints it" },
  thumbprint: { ...sample(text, "…"), description: "RFC 7638, base64url" },
  bits: sample(count, 2048),
  label: sample(textOrNull, "laptop"),
  status: { enum: ["active", "deactivated", "revoked", "expired"] },
  created_at: time,
  expires_at: timeOrNull,
  last_used_at: { ...timeOrNull, description: "Updated every few seconds" },
  proved_at: { ...timeOrNull, description: "When its holder proved possession of the private key" },
  rotated_from: { ...countOrNull, description: "The key whose holder added this one by rotation" },
  networks: { ...sample(texts, []), description: "CIDRs from which it can be used; empty: from anywhere" },
  weakness: { ...textOrNull, description: "Why it can't be trusted, as the last audit found" },
});

const duration = { type: "string", maxLength: 20 } as const;

export const KeysQuery = objectWith([], {
  username: { ...sample(text, "api-1-shop"), description: "Only this API user's keys" },
  account: shortname,
  status: { enum: ["active", "deactivated", "revoked"] },
  expiring: {
    ...duration,
    description:
      "Active keys that expire within this time, such as 30d, by their expiry. With unused, those that are both",
  },
  unused: {
    ...duration,
    description: "Active, unexpired keys that weren't used for this long, such as 90d, the longest unused first",
  },
  weak: { enum: ["true"], description: "Keys that the last audit found weak" },
  direction: {
    ...direction,
    description:
      "Of the order that follows from the filters. Default: ascending by expiry or last use, with expiring or unused; otherwise descending, the newest first",
  },
  ...page,
});

export const InspectedKey = object({
  fingerprint: sample(text, "SHA256:…"),
  thumbprint: sample(text, "…"),
  bits: sample(count, 2048),
});

export const KeyChallenge = object({
  nonce: { ...sample(text, "…"), description: "For one proof" },
  expires_at: { ...time, description: "Ten minutes from now; at this instant the nonce has expired" },
  username: { ...sample(text, "api-1-shop"), description: "The proof's sub" },
  audience: { ...sample(text, "https://auth.example.com"), description: "The proof's aud: the service's public URL" },
  signing_input: {
    ...sample(text, "eyJ…"),
    description:
      "Header and claims in base64url. Sign it with the new key and RS256; the proof is this text, a dot, and the signature in base64url",
  },
});

export const NewKey = objectWith(["public_key"], {
  public_key: {
    type: "string",
    maxLength: KEY_TEXT_CHARACTERS_MAX,
    description: "PEM, certificate, JWK or OpenSSH line. Never send a private key",
    examples: ["-----BEGIN PUBLIC KEY-----\n…\n-----END PUBLIC KEY-----\n"],
  },
  label: sample(name, "laptop"),
  expires_at: { ...timeOrNull, description: "Default: the latest that the maximum age of keys allows, or never" },
  expires_in_seconds: {
    type: "integer",
    minimum: 1,
    maximum: 1_000_000_000,
    description: "The same by the server's clock, counted from when the key is added; give one of the two",
  },
  networks,
  proof: {
    type: "string",
    maxLength: ASSERTION_BYTES_MAX,
    description: "Proof of possession: a JWS by the new key over a nonce of key-challenges",
  },
});

export const KeyText = object({ public_key: NewKey.properties.public_key });

export const KeyPatch = sample(
  patchOf(PublicKey, {
    status: {
      enum: ["active", "deactivated", "revoked", "expired"],
      description:
        "revoked is permanent; expired, the status that an active key shows past its expiry, changes nothing",
    },
    label: { type: ["string", "null"], maxLength: 1000 },
    expires_at: timeOrNull,
    networks,
  }),
  { status: "deactivated" },
);

export const KeyPatchQuery = objectWith([], {
  with_descendants: {
    type: "boolean",
    default: false,
    description:
      "With the status deactivated or revoked: do the same to every key that was rotated in by this one, directly or by others",
  },
});
