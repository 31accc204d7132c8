import { Modal } from "@mantine/core";
import type { ReactNode } from "react";
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
  return (
    <Modal
      opened
      onClose={onClose}
      title={title}
      size={size}
      // The lock is a <style>, which the Content-Security-Policy forbids; base.css has another.
      lockScroll={false}
      closeOnEscape={isClosable}
      // A click beside it is too easily made by mistake, and what was typed would be lost.
      closeOnClickOutside={false}
      withCloseButton={isClosable}
      closeButtonProps={{ "aria-label": "Close" }}
      overlayProps={{ color: "var(--scrim)", backgroundOpacity: 1 }}
      transitionProps={{ duration: 0 }}
      yOffset="8dvh"
    >
      {children}
    </Modal>
  );
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
