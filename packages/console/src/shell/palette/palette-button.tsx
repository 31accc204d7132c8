import { lazy, Suspense, useEffect, useState } from "react";
import type { Me } from "../../api/me.ts";
import { Icon } from "../../ui/icon.tsx";
import { t } from "../../text/t.ts";
import "./palette-button.css";

const Palette = lazy(() => import("./palette.tsx"));

const IS_APPLE = /mac|iphone|ipad/i.test(navigator.userAgent);

/** Opens the palette, as Ctrl-K and Cmd-K do everywhere except in a dialog, where something may be half done. */
export function PaletteButton({ me }: { readonly me: Me }) {
  const [isOpen, setIsOpen] = useState(false);
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || event.altKey || event.shiftKey || event.ctrlKey === event.metaKey) return;
      // Also while it can't open: the browser's own search would be a surprise.
      event.preventDefault();
      if (document.querySelector("[role=dialog]") === null) setIsOpen(true);
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, []);
  return (
    <>
      <button
        type="button"
        className="palette-button"
        aria-haspopup="dialog"
        aria-keyshortcuts="Control+K Meta+K"
        onClick={() => setIsOpen(true)}
      >
        <Icon name="search" size={15} />
        <span>{t("shell.goToOrCreate")}</span>
        <kbd aria-hidden="true" data-key={IS_APPLE ? "⌘K" : t("shell.ctrlK")} />
      </button>
      {isOpen ? (
        <Suspense>
          <Palette me={me} onClose={() => setIsOpen(false)} />
        </Suspense>
      ) : null}
    </>
  );
}
