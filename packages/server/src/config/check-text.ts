/**
 * Checks for what a setting's text can pick up in a file or a script, such as quotes or a carriage return. Without the check, a
 * folder named `"./data"`, with the quotes, would silently become a new, empty store.
 */
import { Problem } from "./config-error.ts";

/**
 * Says what is wrong with a text: a control character, surrounding white space or quotation marks, or bytes that aren't UTF-8.
 * `undefined` if the text is fine. The result never quotes the text.
 *
 * @param isList whether the text is a list, whose entries white space and line ends may surround
 */
export function findTextProblem(text: string, isList = false): string | undefined {
  const value = isList ? text.replaceAll(/\s+/g, " ").trim() : text;
  if (/[\r\n]$/.test(value)) return "the value ends with a line break; remove it";
  if (value !== value.trim()) return "the value begins or ends with white space; remove it";
  if (/^["'`“”‘’]|["'`“”‘’]$/u.test(value)) {
    return "the value begins or ends with a quotation mark, which would become part of it; remove it";
  }
  if (value.includes("\ufffd")) return "the value holds bytes that aren't UTF-8";
  if (/[\p{Cc}\u2028\u2029\u200b\ufeff]/u.test(value)) {
    return "the value holds a control character, such as a line break; remove it";
  }
  return undefined;
}

/**
 * Refuses a path that relies on a shell to expand it, is a URL, or holds a comment; taken literally, it would name another folder.
 *
 * @throws {Problem}
 */
export function parsePath(text: string): string {
  if (text.includes("\0")) throw new Problem("a path can't hold a NUL character");
  if (/^~|\$[A-Za-z_{(]/.test(text)) {
    throw new Problem("~ and $… aren't expanded here; write out what they stand for");
  }
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(text)) throw new Problem("a path is needed, not a URL");
  if (/ #/.test(text))
    throw new Problem("the path holds a comment (a blank and #); put the comment on a line of its own");
  return text;
}
