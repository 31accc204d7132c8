import { createElement, Fragment, type ReactNode } from "react";
import { textParts } from "../text/t.ts";
import type { TextKey } from "../text/translations.ts";

/** What a text takes: an argument, or for a tag what surrounds the words in it. */
type TextValue = ReactNode | ((words: ReactNode) => ReactNode);

/** A text with elements in it: `<T id="users.ownedBy" values={{ name: <bdi>…</bdi>, strong: (words) => <strong>{words}</strong> }} />` */
export function T({ id, values }: { readonly id: TextKey; readonly values: Readonly<Record<string, TextValue>> }) {
  const wrapped = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      typeof value === "function" ? (parts: readonly ReactNode[]) => value(together(parts)) : value,
    ]),
  );
  return together(textParts<ReactNode>(id, wrapped));
}

/** As children, not as an array: the parts of a text never move, so they need no keys. */
function together(parts: readonly ReactNode[]): ReactNode {
  return createElement(Fragment, null, ...parts);
}
