/**
 * Counts the members that the text of valid JSON writes, down to the given depth: 1 is the outermost object alone.
 *
 * `JSON.parse` keeps the last of two members with one name. However a name is spelt (`"iat"`, `"\u0069at"`), it ends up as
 * one key, so more members in the text than keys in the result means a duplicate.
 */
export function countMembers(json: string, depthMax = Number.POSITIVE_INFINITY): number {
  let members = 0;
  let depth = 0;
  let inString = false;
  for (let at = 0; at < json.length; at++) {
    const character = json.charCodeAt(at);
    if (inString) {
      if (character === 0x5c) at++;
      else if (character === 0x22) inString = false;
    } else if (character === 0x22) inString = true;
    else if (character === 0x7b || character === 0x5b) depth++;
    else if (character === 0x7d || character === 0x5d) depth--;
    else if (character === 0x3a && depth <= depthMax) members++;
  }
  return members;
}
