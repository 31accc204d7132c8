/** What the operator fills in: fields, filters, and the dialogs that make a change. */
import { Combobox, InputBase, useCombobox } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { useAccounts } from "../api/registry.ts";
import { Icon } from "../ui/icon.tsx";
import { t } from "../text/t.ts";

/**
 * Picks an account, searched by the beginning of its shortname or name.
 *
 * @param onCreate if given, the list offers to create an account with the typed name
 */
export function AccountPicker({
  label,
  isLabelHidden = false,
  description,
  placeholder = t("common.searchAccounts"),
  value,
  onChange,
  onCreate,
  error,
  clearLabel,
}: {
  readonly label: string;
  readonly isLabelHidden?: boolean;
  readonly description?: string;
  readonly placeholder?: string;
  /** A shortname. */
  readonly value: string | undefined;
  readonly onChange: (shortname: string | undefined) => void;
  readonly onCreate?: (typed: string) => void;
  readonly error?: ReactNode;
  /** Label of the option for no account, if that is a choice: "All accounts". */
  readonly clearLabel?: string;
}) {
  const combobox = useCombobox({ onDropdownClose: () => combobox.resetSelectedOption() });
  const [typed, setTyped] = useState("");
  const { dropdownOpened: isOpen } = combobox;
  const search = typed.trim();
  const { data, isPending } = useAccounts(search === "" ? {} : { q: search }, { isEnabled: isOpen });
  const shown = isOpen ? typed : (value ?? clearLabel ?? "");

  return (
    <Combobox
      store={combobox}
      // Next to its field for screen readers, and not clipped by a dialog.
      withinPortal={false}
      onOptionSubmit={(chosen) => {
        if (chosen.startsWith("create:")) onCreate?.(search);
        else onChange(chosen === "none:" ? undefined : chosen.slice("account:".length));
        combobox.closeDropdown();
      }}
    >
      <Combobox.Target>
        <InputBase
          {...(isLabelHidden ? { "aria-label": label } : { label })}
          {...(description === undefined ? {} : { description })}
          {...(error === undefined ? {} : { error })}
          placeholder={placeholder}
          value={shown}
          autoComplete="off"
          spellCheck={false}
          maxLength={1000}
          rightSection={<Icon name="down" size={14} />}
          rightSectionPointerEvents="none"
          onFocus={() => setTyped("")}
          onClick={() => combobox.openDropdown()}
          onBlur={() => combobox.closeDropdown()}
          onChange={(event) => {
            setTyped(event.currentTarget.value);
            combobox.openDropdown();
            combobox.updateSelectedOptionIndex();
          }}
        />
      </Combobox.Target>
      <Combobox.Dropdown>
        <Combobox.Options className="picker-options" aria-label={label}>
          {clearLabel === undefined || search !== "" ? null : (
            <Combobox.Option value="none:">{clearLabel}</Combobox.Option>
          )}
          {data?.items.slice(0, 50).map(({ shortname, name }) => (
            <Combobox.Option key={shortname} value={`account:${shortname}`} active={shortname === value}>
              <bdi>{shortname}</bdi>
              {name === shortname ? null : (
                <>
                  {" "}
                  <bdi className="faint">{name}</bdi>
                </>
              )}
            </Combobox.Option>
          ))}
          {onCreate === undefined ? null : (
            <Combobox.Option value="create:">
              {search === "" ? t("forms.createAccount") : t("forms.createAccountNamed", { search })}
            </Combobox.Option>
          )}
          {data?.items.length === 0 && onCreate === undefined ? (
            <Combobox.Empty>{t("forms.noAccountFound")}</Combobox.Empty>
          ) : null}
          {isPending && isOpen ? <Combobox.Empty>{t("forms.loading")}</Combobox.Empty> : null}
        </Combobox.Options>
      </Combobox.Dropdown>
    </Combobox>
  );
}
