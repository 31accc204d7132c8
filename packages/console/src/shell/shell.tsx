/** The frame around every page: navigation, the account menu, and the sign-in dialogs. */
import { type ReactNode, useEffect, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import { useMe } from "../api/me.ts";
import { Icon, Mark } from "../ui/icon.tsx";
import { FreshSignInDialog } from "../session/fresh-sign-in-dialog.tsx";
import { SessionEndedDialog } from "../session/session-ended-dialog.tsx";
import { AccountMenu } from "./account-menu.tsx";
import { destinationsOf } from "./destinations.ts";
import { PaletteButton } from "./palette/palette-button.tsx";
import { t } from "../text/t.ts";
import "./shell.css";

export function Shell({ children }: { readonly children: ReactNode }) {
  const me = useMe();
  const [path] = useLocation();
  const [isNavOpen, setIsNavOpen] = useState(false);
  const toggle = useRef<HTMLButtonElement>(null);
  const main = useFocusOnNavigation(path, () => setIsNavOpen(false));
  useSearchKey();
  useEffect(() => {
    if (!isNavOpen) return undefined;
    const onKeyDown = ({ key, defaultPrevented }: KeyboardEvent) => {
      if (key !== "Escape" || defaultPrevented) return;
      setIsNavOpen(false);
      toggle.current?.focus();
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [isNavOpen]);
  return (
    <div className="shell">
      <a className="skip-link" href="#main">
        {t("shell.skipToThePage")}
      </a>
      <nav className="sidebar" aria-label={t("shell.console")} {...(isNavOpen ? { "data-open": true } : {})}>
        <div className="sidebar-top">
          <Link href="/" className="brand">
            <Mark size={22} />
            {t("common.countersign")}
          </Link>
          <PaletteButton me={me} />
          <button
            ref={toggle}
            type="button"
            className="nav-toggle"
            aria-expanded={isNavOpen}
            aria-controls="navigation"
            aria-label={t("shell.menu")}
            onClick={() => setIsNavOpen(!isNavOpen)}
          >
            <Icon name={isNavOpen ? "cross" : "menu"} size={20} />
          </button>
        </div>
        <div className="sidebar-nav" id="navigation">
          {destinationsOf(me).map(({ title, destinations }) => {
            return (
              <div key={title ?? ""}>
                {title === undefined ? null : (
                  <p className="nav-title" id={`navigation-${title}`}>
                    {title}
                  </p>
                )}
                <ul {...(title === undefined ? {} : { "aria-labelledby": `navigation-${title}` })}>
                  {destinations.map((destination) => (
                    <li key={destination.path}>
                      <Link
                        href={destination.path}
                        className="nav-link"
                        {...(isAt(path, destination.path) ? { "aria-current": "page" as const } : {})}
                      >
                        <Icon name={destination.icon} />
                        {destination.label}
                      </Link>
                    </li>
                  ))}
                </ul>
              </div>
            );
          })}
        </div>
        <div className="sidebar-foot">
          <AccountMenu me={me} />
        </div>
      </nav>
      <main className="shell-main" id="main" tabIndex={-1} ref={main}>
        {children}
      </main>
      <FreshSignInDialog />
      <SessionEndedDialog />
    </div>
  );
}

function isAt(path: string, destination: string): boolean {
  return path === destination || path.startsWith(`${destination}/`);
}

/** Moves the focus to a new page, so that screen readers start reading there, unless a form of it has taken the focus. */
function useFocusOnNavigation(path: string, onNavigation: () => void) {
  const main = useRef<HTMLElement>(null);
  const shown = useRef(path);
  useEffect(() => {
    if (shown.current === path) return;
    shown.current = path;
    onNavigation();
    if (main.current?.contains(document.activeElement) !== true) main.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  });
  return main;
}

/** `/` moves the focus to the page's search, unless the operator is typing in a field. */
function useSearchKey(): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
      if ((event.target as HTMLElement).closest("input, textarea, select, [contenteditable], [role=dialog]")) return;
      const field = document.querySelector<HTMLInputElement>("[data-search]");
      if (field === null) return;
      event.preventDefault();
      field.focus();
      field.select();
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, []);
}
