import type { Setting } from "../../api/service.ts";
import { useSettings } from "../../api/service.ts";
import { permits, useMe } from "../../api/me.ts";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { Empty, Page } from "../../ui/page.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import "./settings-page.css";

const COLUMNS: readonly Column<Setting>[] = [
  {
    heading: "Setting",
    cell: ({ variable, meaning }) => (
      <span className="setting">
        <code>{variable}</code>
        <span className="faint">{meaning}</span>
      </span>
    ),
  },
  {
    heading: "Value",
    cell: ({ value, secret }) =>
      value === null ? (
        <span className="faint">not set</span>
      ) : (
        <span className="setting-value">
          <bdi className="mono">{value}</bdi>
          {secret ? <span className="faint"> (secret)</span> : null}
        </span>
      ),
  },
  {
    heading: "Default",
    cell: ({ default: value }) => <bdi className="faint setting-value">{value}</bdi>,
  },
];

/** Shows the effective configuration, which is set where the server is started. */
export default function SettingsPage() {
  const me = useMe();
  const mayRead = permits(me, "admin", { everywhere: true });
  const query = useSettings({ isEnabled: mayRead });
  if (!mayRead) {
    return (
      <Page title="Settings" about="The configuration of the service.">
        <RoleNote me={me} needs="admin" everywhere what="see the settings" />
      </Page>
    );
  }
  return (
    <Page
      title="Settings"
      about={
        <>
          The effective configuration of version {me.service.version} on{" "}
          {me.service.store === "sqlite" ? "SQLite" : "PostgreSQL"}. Environment variables and flags set it when the
          server starts; secrets are masked.
        </>
      }
    >
      <DataTable
        caption="Settings"
        columns={COLUMNS}
        query={query}
        keyOf={({ variable }) => variable}
        skeletonRows={14}
        skeletonHeight={59}
        empty={
          <Empty icon="settings" title="No settings">
            The server reported none.
          </Empty>
        }
      />
    </Page>
  );
}
