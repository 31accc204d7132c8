import { ActionIcon, Menu } from "@mantine/core";
import type { ReactNode } from "react";
import { Icon } from "./icon.tsx";
import "./actions-menu.css";

/** What else can be done to something, behind three dots. @param label says to what: "More for key 3" */
export function ActionsMenu({ label, children }: { readonly label: string; readonly children: ReactNode }) {
  return (
    <Menu
      position="bottom-end"
      width={210}
      transitionProps={{ duration: 0 }}
      // In the page's main part, where a screen reader finds it, and not in the table, which would cut it off.
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

/** @param isDangerous it takes something away from somebody */
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
