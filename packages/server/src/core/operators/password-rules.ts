import { fieldRefusal } from "../refusal.ts";
import { PASSWORD_CHARACTERS_MAX, PASSWORD_CHARACTERS_MIN } from "@countersign/protocol";
import type { ZxcvbnFactory } from "@zxcvbn-ts/core";

/**
 * How much of a password is judged, in UTF-16 units; what follows can't make up for a weak beginning. The work grows faster than
 * the length: at worst it takes 13 ms for 64 units, and 260 ms for 256.
 */
const JUDGED_UNITS_MAX = 64;

/** How many readings of a text like `p@ssw0rd` are tried. The library's default of 100 takes ten times as long. */
const READINGS_MAX = 10;

/** The best of the estimator's five scores: more than 10^10 guesses. */
const SCORE_MIN = 4;

let estimator: ZxcvbnFactory | undefined;

/**
 * Loads the estimator when it is first needed: its lists take 70 ms and 7 MB, and few processes ever set a password. A failure
 * isn't cached: a process without a free file descriptor can load it later.
 */
async function loadEstimator(): Promise<ZxcvbnFactory> {
  if (estimator !== undefined) return estimator;
  const [{ ZxcvbnFactory }, { dictionary, adjacencyGraphs }] = await Promise.all([
    import("@zxcvbn-ts/core"),
    import("@zxcvbn-ts/language-common"),
  ]);
  estimator = new ZxcvbnFactory({
    dictionary,
    graphs: adjacencyGraphs,
    maxLength: JUDGED_UNITS_MAX,
    l33tMaxSubstitutions: READINGS_MAX,
  });
  return estimator;
}

/**
 * The form in which a password is hashed: NFKC, so that it is the same from every keyboard (NIST SP 800-63B-4
 * §3.1.1.2).
 *
 * @returns `undefined` for half of a surrogate pair, which has no bytes of its own
 */
export function normalisePassword(text: string): string | undefined {
  return text.isWellFormed() ? text.normalize("NFKC") : undefined;
}

/**
 * Checks a new password (NIST SP 800-63B-4 §3.1.1.2): it must be long enough and not easily guessed.
 * Any characters are allowed, and there are no rules about their kinds. Characters are code points of the normalised text.
 *
 * @returns the normalised password
 * @throws {Refusal} `field_invalid`, whose message doesn't repeat any of the password
 */
export async function checkNewPassword(field: string, text: string, email: string): Promise<string> {
  const password = normalisePassword(text);
  if (password === undefined) throw fieldRefusal("field_invalid", "The password isn't valid Unicode.", field);
  const length = Array.from(password).length;
  if (length < PASSWORD_CHARACTERS_MIN || length > PASSWORD_CHARACTERS_MAX) {
    throw fieldRefusal(
      "field_invalid",
      `The password must have ${PASSWORD_CHARACTERS_MIN} to ${PASSWORD_CHARACTERS_MAX} characters; several words that have nothing to do with each other are easy to keep in mind.`,
      field,
    );
  }
  const loaded = await loadEstimator();
  const ownWords = ["countersign", ...wordsOf(email)];
  const judged = new Set([password, shortenOwnWords(password, email)]);
  if ([...judged].some((form) => loaded.check(form, ownWords).score < SCORE_MIN)) {
    throw fieldRefusal(
      "field_invalid",
      "The password is too easy to guess: it is little more than the e-mail address, a common word, a row of keys or a repetition.",
      field,
    );
  }
  return password;
}

/**
 * The password with each part of the e-mail address replaced by one letter. The estimator rates any four words in a row as a good
 * password, even `alicesampleexamplecom`.
 */
function shortenOwnWords(password: string, email: string): string {
  const words = email.split(/[^a-z0-9]+/).filter((word) => word.length > 2);
  if (words.length === 0) return password;
  const longestFirst = words.toSorted((a, b) => b.length - a.length);
  return password.replaceAll(new RegExp(longestFirst.join("|"), "gi"), (word) => word.slice(0, 1));
}

/** An e-mail address and its parts. */
function wordsOf(email: string): readonly string[] {
  const [local = "", domain = ""] = email.split("@");
  return [email, domain, local, ...domain.split("."), ...local.split(/[^a-z0-9]+/)].filter((word) => word !== "");
}
