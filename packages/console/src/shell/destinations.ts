import { type Me, permits } from "../api/me.ts";
import type { IconName } from "../ui/icon.tsx";

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
  { destinations: [{ path: "/", label: "Overview", icon: "overview" }] },
  {
    title: "Registry",
    destinations: [
      { path: "/users", label: "API users", icon: "user" },
      { path: "/keys", label: "Public keys", icon: "key" },
      { path: "/accounts", label: "Accounts", icon: "account" },
    ],
  },
  {
    title: "Insight",
    destinations: [
      { path: "/explain", label: "Explain", icon: "explain" },
      { path: "/audit", label: "Audit log", icon: "audit" },
    ],
  },
  {
    title: "Service",
    destinations: [
      {
        path: "/resource-servers",
        label: "Resource servers",
        icon: "server",
        isVisibleTo: (me) => permits(me, "viewer", { everywhere: true }),
      },
      {
        path: "/signing-keys",
        label: "Signing keys",
        icon: "signature",
        isVisibleTo: (me) => permits(me, "viewer", { everywhere: true }),
      },
      { path: "/webhooks", label: "Webhooks", icon: "webhook", isVisibleTo: (me) => permits(me, "admin") },
      {
        path: "/health",
        label: "Health",
        icon: "health",
        isVisibleTo: (me) => permits(me, "admin", { everywhere: true }),
      },
      {
        path: "/settings",
        label: "Settings",
        icon: "settings",
        isVisibleTo: (me) => permits(me, "admin", { everywhere: true }),
      },
    ],
  },
  {
    title: "Administration",
    destinations: [
      { path: "/operators", label: "Operators", icon: "operators", isVisibleTo: (me) => permits(me, "owner") },
      { path: "/admin-tokens", label: "Admin tokens", icon: "token", isVisibleTo: (me) => permits(me, "owner") },
    ],
  },
];

/** The pages that an operator can see, without groups that would be empty. @param me all pages, if it isn't known yet */
export function destinationsOf(me: Me | undefined) {
  return GROUPS.map(({ title, destinations }) => ({
    title,
    destinations: destinations.filter(
      ({ isVisibleTo }) => me === undefined || isVisibleTo === undefined || isVisibleTo(me),
    ),
  })).filter(({ destinations }) => destinations.length > 0);
}
