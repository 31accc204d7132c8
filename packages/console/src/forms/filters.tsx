import { NativeSelect, TextInput } from "@mantine/core";
import { Icon } from "../ui/icon.tsx";
import { type Filters, useTypedFilter } from "./search-state.ts";
import { t } from "../text/t.ts";
import "./filters.css";

/** The main search of a page; `/` moves the focus to it. @param name of its filter */
export function SearchField<Name extends string = "q">({
  label,
  placeholder,
  filters,
  name = "q" as Name,
}: {
  readonly label: string;
  readonly placeholder: string;
  readonly filters: Filters<Name>;
  readonly name?: Name;
}) {
  const field = useTypedFilter(filters, name);
  return (
    <TextInput
      className="filters-search"
      type="search"
      aria-label={label}
      aria-keyshortcuts="/"
      data-search
      placeholder={placeholder}
      leftSection={<Icon name="search" size={15} />}
      rightSection={field.value === "" ? <kbd aria-hidden="true">/</kbd> : null}
      spellCheck={false}
      autoComplete="off"
      {...field}
    />
  );
}

/** Filters by status. What is archived is in no list unless it is asked for. @param hasArchive can these be archived? */
export function StatusFilter({
  filters,
  hasArchive = false,
}: {
  readonly filters: Filters<"status">;
  readonly hasArchive?: boolean;
}) {
  return (
    <FilterSelect
      label={t("common.status")}
      name="status"
      filters={filters}
      options={[
        ["", t("filter.anyStatus")],
        ["active", t("filter.active")],
        ["deactivated", t("filter.deactivated")],
        ...(hasArchive ? ([["archived", t("filter.archived")]] as const) : []),
      ]}
    />
  );
}

/** The API's filter for what {@link StatusFilter} chose. */
export function standingFilter<Values extends { readonly status?: string }>(values: Values) {
  const { status, ...rest } = values;
  if (status === "archived") return { ...rest, archived: true };
  return status === undefined ? rest : { ...rest, status: status as "active" | "deactivated" };
}

/** Filters by one of a few values. The first option stands for all of them. */
export function FilterSelect<Name extends string>({
  label,
  name,
  filters,
  options,
}: {
  readonly label: string;
  readonly name: Name;
  readonly filters: Filters<Name>;
  readonly options: readonly (readonly [value: string, label: string])[];
}) {
  return (
    <NativeSelect
      aria-label={label}
      value={filters.values[name] ?? ""}
      data={options.map(([value, text]) => ({ value, label: text }))}
      onChange={(event) => filters.set(name, event.currentTarget.value)}
    />
  );
}
