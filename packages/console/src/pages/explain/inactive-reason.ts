const REASONS: Record<string, string | undefined> = {
  malformed: "It isn't a token of this service: its form is another. Was it copied whole?",
  unknown_signing_key: "It was minted under a signing key that isn't there, or is retired.",
  wrong_mac: "Its signature is wrong: it was changed, cut off, or minted by another service.",
  expired: "It has expired. The client has to exchange a new assertion.",
  token_revoked: "It was revoked, it alone.",
  unknown_key: "It was minted under a key that isn't there, or that you may not see.",
  key_deactivated: "The key under which it was minted is deactivated.",
  key_revoked: "The key under which it was minted is revoked, for good.",
  key_expired: "The key under which it was minted has expired.",
  user_deactivated: "Its API user is deactivated.",
  account_deactivated: "The account of its API user is deactivated.",
};

/** Why a token isn't good, in words; what the console doesn't know is shown as the server has it. */
export function inactiveReason(reason: string): string {
  return REASONS[reason] ?? reason;
}
