import { Modal } from "@mantine/core";
import { type ReactNode, useEffect, useState } from "react";
import { focusFirstField } from "./focus-first-field.ts";
import { t } from "../text/t.ts";
import "./dialog.css";

/**
 * A modal dialog: its first field has the focus, Esc closes it, it traps the focus, and the focus then returns to where it
 * was. It is mounted only while it is open, so its state starts fresh each time.
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
  /** `false` if it can only be left by its own buttons: no close button, no Esc. */
  readonly isClosable?: boolean;
}) {
  const isOnTop = useOpenDialog();
  return (
    <Modal.Root
      opened
      // Every open dialog receives the Esc key. Only the topmost may close, so that nothing typed into the others is lost.
      onClose={() => {
        if (isOnTop()) onClose();
      }}
      size={size}
      // Mantine's lock is a <style>, which the Content-Security-Policy forbids; base.css replaces it.
      lockScroll={false}
      closeOnEscape={isClosable}
      // A click outside is easily made by mistake and would lose what was typed.
      closeOnClickOutside={false}
      returnFocus={false}
      transitionProps={{ duration: 0 }}
      yOffset="8dvh"
    >
      <Modal.Overlay color="var(--scrim)" backgroundOpacity={1} />
      <Modal.Content>
        <div className="dialog-head">
          <Modal.Title>{title}</Modal.Title>
          {isClosable ? <Modal.CloseButton aria-label={t("common.close")} /> : null}
        </div>
        <Modal.Body ref={focusFirstField}>{children}</Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}

/** The element that opened the outermost dialog. */
let opener: HTMLElement | undefined;

/** Open dialogs, the topmost last. */
const openDialogs: object[] = [];

/**
 * Returns the focus to the element that opened the first dialog once no dialog is open, even if other dialogs have replaced it.
 *
 * @returns whether this dialog is the topmost one
 */
function useOpenDialog(): () => boolean {
  const [self] = useState(() => ({}));
  // On first render: by the time effects run, the focus is already in the dialog.
  const [focused] = useState(() => document.activeElement);
  useEffect(() => {
    if (openDialogs.length === 0 && focused instanceof HTMLElement && focused.closest("[role=dialog]") === null) {
      opener = focused;
      // A menu is gone when its dialog closes; the button that opened the menu isn't.
      const menu = focused.closest("[role=menu]")?.getAttribute("aria-labelledby");
      if (menu) opener = document.getElementById(menu) ?? focused;
    }
    openDialogs.push(self);
    return () => {
      openDialogs.splice(openDialogs.indexOf(self), 1);
      // Another dialog may replace it in the same tick.
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
