import { useCallback, useEffect, useState } from "react";
import { useSearchParams } from "wouter";

/** How long a search waits for the next letter, in milliseconds. */
const TYPING_MS = 250;

/** A page's filters, in its address: they can be sent to somebody, and survive a reload. Changing one begins at the first page. */
export function useFilters<const Names extends readonly string[]>(names: Names) {
  const [params, setParams] = useSearchParams();
  const values = Object.fromEntries(
    [...names, "cursor"].flatMap((name) => {
      const value = params.get(name);
      return value === null || value === "" ? [] : [[name, value]];
    }),
  ) as Partial<Record<Names[number] | "cursor", string>>;

  const set = useCallback(
    (changes: Partial<Record<Names[number] | "cursor", string | undefined>>, { isReplacing = false } = {}) =>
      setParams(
        (current) => {
          const next = new URLSearchParams(current);
          if (!("cursor" in changes)) next.delete("cursor");
          for (const [name, value] of Object.entries(changes as Record<string, string | undefined>)) {
            if (value === undefined || value === "") next.delete(name);
            else next.set(name, value);
          }
          return next;
        },
        { replace: isReplacing },
      ),
    [setParams],
  );
  const hasAny = names.some((name) => values[name as Names[number]] !== undefined);
  return { values, set, hasAny };
}

/** A text that is typed here, and reported once nobody types any more. */
export function useTyped(reported: string, report: (text: string) => void): [string, (text: string) => void] {
  const [text, setText] = useState(reported);
  const [seen, setSeen] = useState(reported);
  // The address changed otherwise than by typing: by the browser's back button, or a link.
  if (reported !== seen) {
    setSeen(reported);
    if (reported !== text.trim()) setText(reported);
  }
  useEffect(() => {
    if (text.trim() === reported) return;
    const timer = setTimeout(() => report(text.trim()), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text, reported, report]);
  return [text, setText];
}
