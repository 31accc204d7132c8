import { NativeSelect, TextInput } from "@mantine/core";
import { useCallback } from "react";
import { Icon } from "../ui/icon.tsx";
import { useTyped } from "./search-state.ts";
import "./filters.css";

/** A page's search, which `/` leads to. */
export function SearchField({
  label,
  placeholder,
  value,
  onChange,
}: {
  readonly label: string;
  readonly placeholder: string;
  readonly value: string;
  readonly onChange: (text: string) => void;
}) {
  const [text, setText] = useTyped(
    value,
    useCallback((typed: string) => onChange(typed), [onChange]),
  );
  return (
    <TextInput
      className="filters-search"
      type="search"
      aria-label={label}
      aria-keyshortcuts="/"
      data-search
      placeholder={placeholder}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      leftSection={<Icon name="search" size={15} />}
      rightSection={text === "" ? <kbd aria-hidden="true">/</kbd> : null}
      spellCheck={false}
      autoComplete="off"
    />
  );
}

/** Whether what is listed is switched on. */
export function StatusFilter({
  value,
  onChange,
}: {
  readonly value: string | undefined;
  readonly onChange: (value: string | undefined) => void;
}) {
  return (
    <FilterSelect
      label="Status"
      value={value}
      onChange={onChange}
      options={[
        ["", "Any status"],
        ["active", "Active"],
        ["deactivated", "Deactivated"],
      ]}
    />
  );
}

/** One of a few to filter by. The first option stands for all. */
export function FilterSelect({
  label,
  value,
  options,
  onChange,
}: {
  readonly label: string;
  readonly value: string | undefined;
  readonly options: readonly (readonly [value: string, label: string])[];
  readonly onChange: (value: string | undefined) => void;
}) {
  return (
    <NativeSelect
      aria-label={label}
      value={value ?? ""}
      data={options.map(([optionValue, optionLabel]) => ({ value: optionValue, label: optionLabel }))}
      onChange={(event) => onChange(event.currentTarget.value === "" ? undefined : event.currentTarget.value)}
    />
  );
}
