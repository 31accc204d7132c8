/**
 * Counts the members in the text of valid JSON, down to the given depth; 1 means the outermost object only.
 *
 * `JSON.parse` keeps only the last of two members with the same name, however the name is spelt (`"iat"`, `"\u0069at"`). More
 * members in the text than keys in the result therefore mean a duplicate.
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

/** Counts the members of all objects in a value. Compare with {@link countMembers}. */
export function countKeys(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const members = Object.values(value).map(countKeys);
  return members.reduce((sum, keys) => sum + keys, Array.isArray(value) ? 0 : members.length);
}
