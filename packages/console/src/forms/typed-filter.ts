import { type ChangeEvent, useCallback } from "react";
import { useTyped } from "./search-state.ts";

/**
 * What a text field needs to be a filter: it reports once nobody types any more.
 *
 * @param set a page's filters, as `useFilters` has it
 */
export function useTypedFilter<Name extends string>(
  name: Name,
  value: string | undefined,
  set: (changes: Partial<Record<Name, string>>, options: { readonly isReplacing: boolean }) => void,
) {
  const report = useCallback(
    (typed: string) => set({ [name]: typed } as Partial<Record<Name, string>>, { isReplacing: true }),
    [name, set],
  );
  const [text, setText] = useTyped(value ?? "", report);
  return { value: text, onChange: (event: ChangeEvent<HTMLInputElement>) => setText(event.currentTarget.value) };
}
