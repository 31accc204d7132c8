import { type Me, permits } from "../api/me.ts";
import type { IconName } from "../ui/icon.tsx";
import { t } from "../text/t.ts";

/** A page that the navigation leads to. */
export interface Destination {
  readonly path: string;
  readonly label: string;
  readonly icon: IconName;
  /** Whether the caller can see this page; everyone can if omitted. */
  readonly isVisibleTo?: (me: Me) => boolean;
}

/** The pages of the navigation, in its order. */
const GROUPS: readonly { readonly title?: string; readonly destinations: readonly Destination[] }[] = [
  { destinations: [{ path: "/", label: t("common.overview"), icon: "overview" }] },
  {
    title: t("shell.registry"),
    destinations: [
      { path: "/users", label: t("common.apiUsers"), icon: "user" },
      { path: "/keys", label: t("common.publicKeys"), icon: "key" },
      { path: "/accounts", label: t("common.accounts"), icon: "account" },
    ],
  },
  {
    title: t("shell.insight"),
    destinations: [
      { path: "/explain", label: t("shell.explain"), icon: "explain" },
      { path: "/audit", label: t("common.auditLog"), icon: "audit" },
    ],
  },
  {
    title: t("shell.service"),
    destinations: [
      {
        path: "/resource-servers",
        label: t("common.resourceServers"),
        icon: "server",
        isVisibleTo: (me) => permits(me, "viewer", { everywhere: true }),
      },
      {
        path: "/signing-keys",
        label: t("common.signingKeys"),
        icon: "signature",
        isVisibleTo: (me) => permits(me, "viewer", { everywhere: true }),
      },
      { path: "/webhooks", label: t("common.webhooks"), icon: "webhook", isVisibleTo: (me) => permits(me, "admin") },
      {
        path: "/health",
        label: t("common.health"),
        icon: "health",
        isVisibleTo: (me) => permits(me, "admin", { everywhere: true }),
      },
      {
        path: "/settings",
        label: t("common.settings"),
        icon: "settings",
        isVisibleTo: (me) => permits(me, "admin", { everywhere: true }),
      },
    ],
  },
  {
    title: t("shell.administration"),
    destinations: [
      {
        path: "/operators",
        label: t("common.operators"),
        icon: "operators",
        isVisibleTo: (me) => permits(me, "owner"),
      },
      {
        path: "/admin-tokens",
        label: t("common.adminTokens"),
        icon: "token",
        isVisibleTo: (me) => permits(me, "owner"),
      },
    ],
  },
];

/** The pages that an operator can see, without groups that would be empty. */
export function destinationsOf(me: Me) {
  return GROUPS.map(({ title, destinations }) => ({
    title,
    destinations: destinations.filter(({ isVisibleTo }) => isVisibleTo === undefined || isVisibleTo(me)),
  })).filter(({ destinations }) => destinations.length > 0);
}
