/**
 * What a setting's text picks up on its way from a file or a script. Most of it would be taken silently: a folder named
 * `"./data"`, with the quotes, or `./data` and a carriage return, is a new and empty store.
 */
import { Problem } from "./config-error.ts";

/**
 * Says what is wrong with a text: control characters, white space or quotation marks around it, bytes that weren't UTF-8.
 * `undefined` where nothing is. Never repeats the text.
 *
 * @param isList whether it is a list, which may have white space and line ends around its entries
 */
export function findTextProblem(text: string, isList = false): string | undefined {
  const value = isList ? text.replaceAll(/\s+/g, " ").trim() : text;
  if (/[\r\n]$/.test(value)) return "the value ends with a line end; remove it";
  if (value !== value.trim()) return "the value begins or ends with white space; remove it";
  if (/^["'`“”‘’]|["'`“”‘’]$/u.test(value)) {
    return "the value begins or ends with a quotation mark, which would be a part of it; remove it";
  }
  if (value.includes("\ufffd")) return "the value holds bytes that aren't UTF-8";
  if (/[\p{Cc}\u2028\u2029\u200b\ufeff]/u.test(value)) {
    return "the value holds a control character, such as a line end; remove it";
  }
  return undefined;
}

/**
 * Refuses a path that a shell would have changed, and that would name another folder as it stands.
 *
 * @throws {Problem}
 */
export function parsePath(text: string): string {
  if (text.includes("\0")) throw new Problem("a path can't hold a NUL character");
  if (/^~|\$[A-Za-z_{(]/.test(text)) {
    throw new Problem("the path isn't expanded here: write out what ~ or $… stands for");
  }
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(text)) throw new Problem("a path is needed, not a URL");
  if (/ #/.test(text))
    throw new Problem("the path holds a comment (a blank and #); put the comment on a line of its own");
  return text;
}
