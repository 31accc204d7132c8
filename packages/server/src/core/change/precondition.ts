import { Refusal } from "../refusal.ts";

/** The values of a request's conditional headers (RFC 9110 §13.1). */
export interface Preconditions {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

/** An entity tag (RFC 9110 §8.8.3): a quoted string, with a `W/` in front if it is weak. */
const ENTITY_TAGS = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g;

/**
 * Does `If-Match` match this tag? By strong comparison (RFC 9110 §8.8.3.2), a weak tag doesn't match even itself. A malformed list
 * matches nothing.
 */
export function isMatch(ifMatch: string, current: string): boolean {
  return ifMatch.trim() === "*" || (!isWeak(current) && tagsOf(ifMatch).includes(current));
}

/** Does `If-None-Match` name this tag? By weak comparison, which ignores `W/`. */
export function isNamed(ifNoneMatch: string, current: string): boolean {
  return ifNoneMatch.trim() === "*" || tagsOf(ifNoneMatch).map(opaqueTag).includes(opaqueTag(current));
}

/** The tags of a list, such as `"a", W/"b,c"`; none if it is malformed. */
function tagsOf(list: string): readonly string[] {
  // Each tag becomes a NUL, which no header can hold (RFC 9110 §5.5).
  const form = list.replaceAll(ENTITY_TAGS, "\0").replaceAll(/[ \t]/g, "");
  return /^\0?(?:,\0?)*$/.test(form) ? (list.match(ENTITY_TAGS) ?? []) : [];
}

function isWeak(tag: string): boolean {
  return tag.startsWith("W/");
}

function opaqueTag(tag: string): string {
  return isWeak(tag) ? tag.slice(2) : tag;
}

/**
 * Checks a request's preconditions, in the order of RFC 9110 §13.2.2.
 *
 * @param current the resource's current tag
 * @throws {Refusal} `precondition_failed`
 */
export function checkPreconditions({ ifMatch, ifNoneMatch }: Preconditions, current: string): void {
  if (ifMatch !== undefined && !isMatch(ifMatch, current)) {
    throw new Refusal("precondition_failed", "It was changed since it was read.", {
      hint: isNamed(ifMatch, current)
        ? 'The tag begins with W/: a proxy that compresses answers has weakened it. If-Match needs the tag without "W/".'
        : "Read it again; its ETag names the current version.",
    });
  }
  if (ifNoneMatch !== undefined && isNamed(ifNoneMatch, current)) {
    throw new Refusal("precondition_failed", "If-None-Match names the current version.");
  }
}
