import { type Answer, listOf, membersOf } from "./read-answer.ts";

/** Something to do, although the request succeeded: such as to replace a key that expires soon. */
export interface Warning {
  /** Such as `key_expires_soon`. Newer services may send codes that this version doesn't know. */
  readonly code: string;
  readonly message: string;
}

/** Most warnings of one answer that are passed on. */
const WARNINGS_MAX = 16;

/** An answer's warnings, fit for a log. What isn't a warning is left out: the request succeeded all the same. */
export function warningsOf({ meta, words }: Pick<Answer, "meta" | "words">): readonly Warning[] {
  return listOf(meta["warnings"])
    .slice(0, WARNINGS_MAX)
    .flatMap((item) => {
      const members = membersOf(item);
      const [code, message] = [words(members["code"]), words(members["message"])];
      return code === undefined || message === undefined ? [] : [{ code, message }];
    });
}
