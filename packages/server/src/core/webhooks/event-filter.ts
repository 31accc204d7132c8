import { AUDIT_ACTIONS } from "../feed/event.ts";
import { printable } from "../names.ts";
import { fieldRefusal } from "../refusal.ts";

/** What an endpoint gets if nothing is said: everything. */
export const EVERY_EVENT: readonly string[] = ["*"];

/** The most patterns of a filter that a request may give, before duplicates are removed. */
export const PATTERNS_MAX = 200;

const KINDS = new Set(AUDIT_ACTIONS.map((action) => action.slice(0, action.indexOf("."))));

/**
 * Checks the patterns that choose an endpoint's events: an action such as `key.revoked`, all of one kind such as `key.*`, or `*`.
 *
 * @returns them without duplicates; `*` alone if it is among them
 * @throws {Refusal} `field_invalid` if there is none, or one that no event of this release matches, such as a mistyped one
 */
export function parseEventFilter(patterns: readonly string[]): readonly string[] {
  if (patterns.length === 0) {
    throw fieldRefusal("field_invalid", 'Name the events that the endpoint gets; "*" stands for all.', "events");
  }
  if (patterns.length > PATTERNS_MAX) {
    throw fieldRefusal("field_invalid", `An endpoint has at most ${PATTERNS_MAX} event patterns.`, "events");
  }
  const unknown = patterns.find((pattern) => !isKnown(pattern));
  if (unknown !== undefined) {
    throw fieldRefusal(
      "field_invalid",
      `There is no event "${printable(unknown)}". Give an action such as key.revoked, all of a kind such as key.*, or *.`,
      "events",
    );
  }
  return patterns.includes("*") ? EVERY_EVENT : [...new Set(patterns)];
}

/** Does a filter choose this action? Actions of other releases match by their first word. */
export function matchesFilter(patterns: readonly string[], action: string): boolean {
  return patterns.some(
    (pattern) =>
      pattern === "*" || pattern === action || (pattern.endsWith(".*") && action.startsWith(pattern.slice(0, -1))),
  );
}

function isKnown(pattern: string): boolean {
  if (pattern === "*") return true;
  return pattern.endsWith(".*") ? KINDS.has(pattern.slice(0, -2)) : AUDIT_ACTIONS.some((action) => action === pattern);
}
