import { WEAK_KEY_POLICIES } from "../../core/keys/audit/weak-key-policy.ts";
import type { KeyProofPolicy } from "../../core/key-statements/key-proofs.ts";
import { parseBoundedDuration, parseChoice, parsePaths } from "../parse-values.ts";
import { setting } from "./setting.ts";

/** Clients' public keys: what is refused, and how old they get. */
export const KEY_SETTINGS = {
  keyBlocklist: setting({
    variable: "COUNTERSIGN_KEY_BLOCKLIST",
    flag: "--key-blocklist <files>",
    default: "none",
    meaning:
      "files in badkeys' format, separated by commas, of public keys that are refused, besides the list that ships with the service",
    isList: true,
    parse: (text) => (text === undefined ? [] : parsePaths(text)),
  }),
  // Not keyAgeMax: an account has a flag of that name, and a command's flags are read as settings, too.
  maxKeyAge: setting({
    variable: "COUNTERSIGN_KEY_AGE_MAX",
    flag: "--max-key-age <duration>",
    default: "none",
    meaning:
      "maximum age of clients' keys, such as 365d: a key that is added without an expiry gets this one, and a later expiry is refused; an account can have a shorter one; keys that are registered already keep their expiry",
    duration: true,
    parse: (text) => (text === undefined ? undefined : parseBoundedDuration(text, "1h", "7300d")),
  }),
  weakKeys: setting({
    variable: "COUNTERSIGN_WEAK_KEYS",
    flag: "--weak-keys <action>",
    default: "report",
    meaning:
      "what the daily audit of stored keys and countersign key audit do with a weak key: report it, or deactivate it, too, so that it can't be activated",
    parse: (text = "report") => parseChoice(text, WEAK_KEY_POLICIES),
  }),
  keyProof: setting({
    variable: "COUNTERSIGN_KEY_PROOF",
    flag: "--key-proof <policy>",
    default: "optional",
    meaning:
      "whether a new public key must come with a proof that its sender holds the private key: optional or required; a proof that is given is always checked",
    parse: (text = "optional") => parseChoice<KeyProofPolicy>(text, ["optional", "required"]),
  }),
} as const;
