import { type ChangeEvent, useCallback, useEffect, useState } from "react";
import { useSearchParams } from "wouter";

/** How long a typed filter waits for the next keystroke, in milliseconds. */
const TYPING_MS = 250;

/** The filters of a page, kept in its address so that a link to them can be shared and a reload keeps them. */
export interface Filters<Name extends string> {
  /** Without empty ones. */
  readonly values: Readonly<Partial<Record<Name | "cursor", string>>>;
  /** Whether any filter is set; the page of the list doesn't count. */
  readonly hasAny: boolean;
  /** Sets or, with an empty value, clears a filter, and returns to the first page of the list. */
  readonly set: (name: Name, value: string | undefined, options?: { readonly isReplacing?: boolean }) => void;
  /** Goes to a page of the list. */
  readonly goTo: (cursor: string | undefined) => void;
}

/** The filters with these names. */
export function useFilters<const Name extends string = never>(names: readonly Name[] = []): Filters<Name> {
  const [params, setParams] = useSearchParams();
  const values = Object.fromEntries(
    [...names, "cursor"].flatMap((name) => {
      const value = params.get(name);
      return value === null || value === "" ? [] : [[name, value]];
    }),
  ) as Partial<Record<Name | "cursor", string>>;

  const set = useCallback<Filters<Name | "cursor">["set"]>(
    (name, value, { isReplacing = false } = {}) =>
      setParams(
        (current) => {
          const next = new URLSearchParams(current);
          next.delete("cursor");
          if (value === undefined || value === "") next.delete(name);
          else next.set(name, value);
          return next;
        },
        { replace: isReplacing },
      ),
    [setParams],
  );
  const goTo = useCallback((cursor: string | undefined) => set("cursor", cursor), [set]);
  return { values, set, goTo, hasAny: names.some((name) => values[name] !== undefined) };
}

/** The value and handler for a text field that sets a filter once the operator stops typing. */
export function useTypedFilter<Name extends string>({ values, set }: Filters<Name>, name: Name) {
  const applied: string = values[name] ?? "";
  const [text, setText] = useState(applied);
  const [seen, setSeen] = useState(applied);
  // The address changed, but not by typing: by the browser's back button or a link.
  if (applied !== seen) {
    setSeen(applied);
    if (applied !== text.trim()) setText(applied);
  }
  useEffect(() => {
    if (text.trim() === applied) return;
    const timer = setTimeout(() => set(name, text.trim(), { isReplacing: true }), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text, applied, name, set]);
  return { value: text, onChange: (event: ChangeEvent<HTMLInputElement>) => setText(event.currentTarget.value) };
}
