import { type ChangeEvent, useRef } from "react";
import { useTyped } from "./search-state.ts";

/** What a text field needs to be a filter: it reports once nobody types any more. */
export function useTypedFilter(value: string | undefined, report: (text: string) => void) {
  const latest = useRef(report);
  latest.current = report;
  const stable = useRef((text: string) => latest.current(text));
  const [text, setText] = useTyped(value ?? "", stable.current);
  return { value: text, onChange: (event: ChangeEvent<HTMLInputElement>) => setText(event.currentTarget.value) };
}
