import { Modal } from "@mantine/core";
import { type ReactNode, useEffect, useState } from "react";
import "./dialog.css";

/**
 * A dialog over the page: Esc closes, the focus stays in it and goes back to where it was. What is in it begins anew each time it
 * opens, since it is there only while it is open.
 */
export function Dialog({
  title,
  onClose,
  children,
  size = 480,
  isClosable = true,
}: {
  readonly title: ReactNode;
  readonly onClose: () => void;
  readonly children: ReactNode;
  readonly size?: number;
  /** `false` where it must be answered: no cross, no Esc. */
  readonly isClosable?: boolean;
}) {
  const isOnTop = useOpenDialog();
  return (
    <Modal.Root
      opened
      // Every open dialog hears the Esc key: one that lies below another must stay, with what was typed into it.
      onClose={() => {
        if (isOnTop()) onClose();
      }}
      size={size}
      // The lock is a <style>, which the Content-Security-Policy forbids; base.css has another.
      lockScroll={false}
      closeOnEscape={isClosable}
      // A click beside it is too easily made by mistake, and what was typed would be lost.
      closeOnClickOutside={false}
      returnFocus={false}
      transitionProps={{ duration: 0 }}
      yOffset="8dvh"
    >
      <Modal.Overlay color="var(--scrim)" backgroundOpacity={1} />
      <Modal.Content>
        <div className="dialog-head">
          <Modal.Title>{title}</Modal.Title>
          {isClosable ? <Modal.CloseButton aria-label="Close" /> : null}
        </div>
        <Modal.Body>{children}</Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}

/** What the outermost dialog was opened by. */
let opener: HTMLElement | undefined;

/** Dialogs that are open, the topmost last: one may take another's place, or lie over it. */
const openDialogs: object[] = [];

/**
 * Gives the focus back to what opened the dialog, once no dialog is open any more; through whatever dialogs followed it.
 *
 * @returns whether no other dialog lies over this one
 */
function useOpenDialog(): () => boolean {
  const [self] = useState(() => ({}));
  // While it is rendered first: by its effects, the focus is in the dialog already.
  const [focused] = useState(() => document.activeElement);
  useEffect(() => {
    if (openDialogs.length === 0 && focused instanceof HTMLElement && focused.closest("[role=dialog]") === null) {
      opener = focused;
      // A menu is gone when its dialog closes; the button that it belongs to isn't.
      const menu = focused.closest("[role=menu]")?.getAttribute("aria-labelledby");
      if (menu) opener = document.getElementById(menu) ?? focused;
    }
    openDialogs.push(self);
    return () => {
      openDialogs.splice(openDialogs.indexOf(self), 1);
      // Another dialog may take its place in the same moment.
      setTimeout(() => {
        if (openDialogs.length > 0) return;
        const target = opener?.isConnected === true ? opener : document.getElementById("main");
        opener = undefined;
        target?.focus();
      });
    };
  }, [focused, self]);
  return () => openDialogs.at(-1) === self;
}

/** One of a few, each explained. */
export function Choice<Value extends string>({
  legend,
  name,
  value,
  onChange,
  options,
}: {
  readonly legend: string;
  readonly name: string;
  readonly value: Value;
  readonly onChange: (value: Value) => void;
  readonly options: readonly { readonly value: Value; readonly label: string; readonly about: string }[];
}) {
  return (
    <fieldset>
      <legend>{legend}</legend>
      <div className="choice">
        {options.map((option) => (
          <label key={option.value} className="choice-option">
            <input
              type="radio"
              name={name}
              value={option.value}
              checked={option.value === value}
              onChange={() => onChange(option.value)}
            />
            <span>{option.label}</span>
            <span className="choice-about">{option.about}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
