/** What pages show: layout, tables, dialogs, messages and badges. A component here may read through `api/`, but belongs to no page. */
import { ActionIcon, Menu } from "@mantine/core";
import type { ReactNode } from "react";
import { Icon } from "./icon.tsx";
import "./actions-menu.css";

/** A menu of further actions behind three dots. @param label names what they apply to: "More for key 3" */
export function ActionsMenu({ label, children }: { readonly label: string; readonly children: ReactNode }) {
  return (
    <Menu
      position="bottom-end"
      width={210}
      transitionProps={{ duration: 0 }}
      // In the page's main part, where screen readers find it; the table would clip it.
      portalProps={{ target: "#main" }}
      withInitialFocusPlaceholder={false}
    >
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" size={27} aria-label={label}>
          <Icon name="more" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>{children}</Menu.Dropdown>
    </Menu>
  );
}

/** One action of the menu. @param isDangerous marks an action that takes access away */
export function Action({
  children,
  onClick,
  isDangerous = false,
}: {
  readonly children: ReactNode;
  readonly onClick: () => void;
  readonly isDangerous?: boolean;
}) {
  return (
    <Menu.Item onClick={onClick} {...(isDangerous ? { className: "action-dangerous" } : {})}>
      {children}
    </Menu.Item>
  );
}
