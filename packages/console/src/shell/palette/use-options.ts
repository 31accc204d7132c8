import { useEffect, useState } from "react";
import { type Me, permits } from "../../api/me.ts";
import { useAccounts, useUsers } from "../../api/registry.ts";
import { giveToExplain } from "../../forms/pasted-credential.ts";
import type { IconName } from "../../ui/icon.tsx";
import { destinationsOf } from "../destinations.ts";
import { readTyped, type Typed } from "./read-typed.ts";
import { t } from "../../text/t.ts";

/** How long the search waits for the next keystroke, in milliseconds. */
const TYPING_MS = 200;

/** How many API users, and how many accounts, are offered. */
const FOUND_MAX = 6;

/** What the palette offers. */
export interface PaletteOption {
  /** Unique among the options. */
  readonly id: string;
  readonly group: string;
  readonly label: string;
  readonly icon: IconName;
  /** The address that choosing it leads to. */
  readonly path: string;
  /** Done before. */
  readonly prepare?: () => void;
}

/** What the palette offers for a text, in the order in which it is shown. */
export function useOptions(
  me: Me,
  text: string,
): { readonly options: readonly PaletteOption[]; readonly typed: Typed; readonly isPending: boolean } {
  const typed = readTyped(text);
  const search = typed.kind === "search" ? typed.text : "";
  const applied = useDelayed(search);
  const isEnabled = applied !== "" && search !== "";
  const users = useUsers({ q: applied, order: "name" }, { isEnabled });
  const accounts = useAccounts({ q: applied }, { isEnabled });
  if (typed.kind === "secret") return { options: [], typed, isPending: false };
  if (typed.kind === "credential") {
    const { found } = typed;
    const label = t("shell.explainThis", { kind: found.kind });
    const prepare = () => giveToExplain(found);
    return {
      typed,
      isPending: false,
      options: [{ id: "explain", group: t("shell.explain"), label, icon: "explain", path: "/explain", prepare }],
    };
  }
  const isPending = isEnabled && (users.isFetching || accounts.isFetching);
  if (search === "") return { options: fixedOptions(me), typed, isPending: false };
  const options = [
    ...fixedOptions(me).filter(({ label }) => label.toLowerCase().includes(search.toLowerCase())),
    ...found(users.data?.items).map(
      ({ id, username }): PaletteOption => ({
        id: `user-${id}`,
        group: t("common.apiUsers"),
        label: username,
        icon: "user",
        path: `/users/${encodeURIComponent(username)}`,
      }),
    ),
    ...found(accounts.data?.items).map(
      ({ id, shortname, name }): PaletteOption => ({
        id: `account-${id}`,
        group: t("common.accounts"),
        label: name === shortname ? shortname : `${shortname} · ${name}`,
        icon: "account",
        path: `/accounts/${encodeURIComponent(shortname)}`,
      }),
    ),
  ];
  return { options, typed, isPending: isPending || search !== applied };

  /** Nothing until the answer is for this text: Enter must not open what was found for another. */
  function found<Item>(items: readonly Item[] | undefined): readonly Item[] {
    if (!isEnabled || search !== applied || users.isPlaceholderData || accounts.isPlaceholderData) return [];
    return items?.slice(0, FOUND_MAX) ?? [];
  }
}

function fixedOptions(me: Me): readonly PaletteOption[] {
  const create: PaletteOption[] = [];
  if (permits(me, "admin")) {
    create.push({
      id: "new-user",
      group: t("shell.groupCreate"),
      label: t("common.createApiUser"),
      icon: "plus",
      path: "/users?new=user",
    });
  }
  if (permits(me, "admin", { everywhere: true })) {
    create.push({
      id: "new-account",
      group: t("shell.groupCreate"),
      label: t("shell.createAccount"),
      icon: "plus",
      path: "/accounts?new=account",
    });
  }
  const pages = [...destinationsOf(me).flatMap(({ destinations }) => destinations), ME];
  return [
    ...pages.map(
      ({ path, label, icon }): PaletteOption => ({
        id: `page-${label.replaceAll(" ", "-")}`,
        group: t("shell.groupPages"),
        label,
        icon,
        path,
      }),
    ),
    ...create,
  ];
}

const ME = { path: "/me", label: t("common.yourSignIn"), icon: "passkey" } as const;

/** The value once it hasn't changed for a moment. */
function useDelayed(value: string): string {
  const [delayed, setDelayed] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setDelayed(value), TYPING_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return delayed;
}
