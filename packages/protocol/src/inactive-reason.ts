const REASONS: Record<string, string | undefined> = {
  malformed: "It doesn't have the format of this service's tokens. Check that it was copied completely.",
  unknown_signing_key: "It was minted under a signing key that doesn't exist or is retired.",
  wrong_mac: "Its signature is wrong: it was changed, truncated, or minted by another service.",
  expired: "It has expired. The client has to exchange a new assertion.",
  token_revoked: "This token was revoked individually.",
  unknown_key: "It was minted under a key that doesn't exist or that you can't see.",
  key_deactivated: "The key under which it was minted is deactivated.",
  key_revoked: "The key under which it was minted is revoked permanently.",
  key_expired: "The key under which it was minted has expired.",
  user_deactivated: "Its API user is deactivated.",
  account_deactivated: "The account of its API user is deactivated.",
};

/** Why a token isn't valid, in words; an unknown reason is returned unchanged. */
export function inactiveReason(reason: string): string {
  return REASONS[reason] ?? reason;
}
