import { TextInput } from "@mantine/core";
import { type KeyboardEvent, useEffect, useId, useState } from "react";
import { flushSync } from "react-dom";
import { useLocation } from "wouter";
import type { Me } from "../../api/me.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { Icon } from "../../ui/icon.tsx";
import { type PaletteOption, useOptions } from "./use-options.ts";
import { t } from "../../text/t.ts";
import "./palette.css";

/**
 * Goes anywhere by the keyboard: a combobox with its list always open
 * (https://www.w3.org/WAI/ARIA/apg/patterns/combobox/). The focus stays in the field; the arrow keys choose.
 */
export default function Palette({ me, onClose }: { readonly me: Me; readonly onClose: () => void }) {
  const [text, setText] = useState("");
  const [selectedId, setSelectedId] = useState<string>();
  const { options, typed, isPending } = useOptions(me, text);
  const [path, navigate] = useLocation();
  const [openedAt] = useState(path);
  const id = useId();
  const selected = Math.max(
    0,
    options.findIndex((option) => option.id === selectedId),
  );
  const idOf = (option: PaletteOption) => `${id}${option.id}`;
  const selectedElementId = options[selected] === undefined ? undefined : idOf(options[selected]);

  useEffect(() => {
    if (selectedElementId !== undefined)
      document.getElementById(selectedElementId)?.scrollIntoView({ block: "nearest" });
  }, [selectedElementId]);

  // The browser's Back button leads to another page: there it isn't wanted.
  useEffect(() => {
    if (path !== openedAt) onClose();
  }, [path, openedAt, onClose]);

  function choose({ path: chosen, prepare }: PaletteOption): void {
    prepare?.();
    // The dialog returns the focus first, so that it then moves to the page.
    flushSync(onClose);
    setTimeout(() => navigate(chosen));
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.nativeEvent.isComposing) return;
    const to = { ArrowDown: selected + 1, ArrowUp: selected - 1, PageDown: options.length - 1, PageUp: 0 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      setSelectedId(options.at(to % Math.max(1, options.length))?.id);
      return;
    }
    if (event.key !== "Enter") return;
    event.preventDefault();
    const option = options[selected];
    if (option !== undefined) choose(option);
  }

  const groups = [...new Set(options.map(({ group }) => group))];
  return (
    <Dialog title={t("shell.goToOrCreate")} onClose={onClose} size={560}>
      <TextInput
        data-autofocus
        role="combobox"
        aria-label={t("shell.goToOrCreate")}
        aria-expanded
        aria-controls={`${id}list`}
        aria-autocomplete="list"
        {...(selectedElementId === undefined ? {} : { "aria-activedescendant": selectedElementId })}
        placeholder={t("shell.palettePlaceholder")}
        leftSection={<Icon name="search" size={15} />}
        // A pasted header or a whole answer.
        maxLength={20_000}
        autoComplete="off"
        spellCheck={false}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          setSelectedId(undefined);
        }}
        onKeyDown={onKeyDown}
      />
      <div className="palette-results" id={`${id}list`} role="listbox" aria-label={t("shell.results")} tabIndex={-1}>
        {groups.map((group) => (
          <div key={group} role="group" aria-labelledby={`${id}${group}`}>
            <div className="palette-group" id={`${id}${group}`} role="presentation">
              {group}
            </div>
            {options
              .filter((option) => option.group === group)
              .map((option) => (
                // The field has the focus and handles the keys.
                <div
                  key={option.id}
                  id={idOf(option)}
                  role="option"
                  tabIndex={-1}
                  aria-selected={idOf(option) === selectedElementId}
                  className="palette-option"
                  onMouseMove={() => setSelectedId(option.id)}
                  onMouseDown={(event) => event.preventDefault()}
                  onClick={() => choose(option)}
                  onKeyDown={onKeyDown}
                >
                  <Icon name={option.icon} />
                  <span>
                    <bdi>{option.label}</bdi>
                  </span>
                </div>
              ))}
          </div>
        ))}
      </div>
      <div role="status" className={options.length === 0 ? "palette-none" : "visually-hidden"}>
        {statusText(typed.kind, options.length, isPending)}
      </div>
    </Dialog>
  );
}

function statusText(kind: "search" | "credential" | "secret", count: number, isPending: boolean): string {
  if (kind === "secret") return t("shell.looksLikeASecret");
  if (isPending) return count === 0 ? t("shell.searching") : "";
  return count === 0 ? t("shell.nothingFound") : t("shell.resultCount", { count });
}
