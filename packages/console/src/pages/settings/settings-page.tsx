import type { ReactNode } from "react";
import type { Setting } from "../../api/service.ts";
import { useSettings } from "../../api/service.ts";
import { permits, useMe } from "../../api/me.ts";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { Empty, Page, Section } from "../../ui/page.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import { Tag } from "../../ui/status-badge.tsx";
import { ServerText } from "../../ui/server-text.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";
import "./settings-page.css";

const COLUMNS: readonly Column<Setting>[] = [
  {
    heading: t("settings.setting"),
    cell: ({ variable, meaning }) => (
      <span className="setting">
        <code>{variable}</code>
        <span className="faint">
          <ServerText>{meaning}</ServerText>
        </span>
      </span>
    ),
  },
  {
    heading: t("settings.value"),
    width: 210,
    cell: ({ value, effective, secret, default: usual }) =>
      value === null ? (
        effective === null ? (
          <span className="faint">{t("common.notSet")}</span>
        ) : (
          <bdi className="mono setting-value">{effective}</bdi>
        )
      ) : (
        <span className="setting-value">
          <bdi className="mono">{value}</bdi>
          {secret ? <span className="faint"> {t("settings.secret")}</span> : null}
          {value === usual ? null : <Tag>{t("settings.changed")}</Tag>}
        </span>
      ),
  },
  {
    heading: t("settings.default"),
    width: 210,
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
      <Page title={t("common.settings")} about={t("settings.aboutShort")}>
        <RoleNote me={me} needs="admin" everywhere what={t("settings.roleNeeded")} />
      </Page>
    );
  }
  return (
    <Page
      title={t("common.settings")}
      about={
        <T
          id="settings.about"
          values={{
            version: me.service.version,
            store: me.service.store === "sqlite" ? t("settings.sqlite") : t("settings.postgresql"),
          }}
        />
      }
    >
      {query.data === undefined || query.data.items.length === 0 ? (
        <SettingsTable caption={t("common.settings")} query={query} />
      ) : (
        [...Map.groupBy(query.data.items, ({ group }) => group)].map(([group, items]) => (
          <Section key={group} title={<ServerText>{group}</ServerText>}>
            <SettingsTable
              caption={<ServerText>{group}</ServerText>}
              query={{ ...query, data: { ...query.data, items } }}
            />
          </Section>
        ))
      )}
    </Page>
  );
}

function SettingsTable({
  caption,
  query,
}: {
  readonly caption: ReactNode;
  readonly query: ReturnType<typeof useSettings>;
}) {
  return (
    <DataTable
      caption={caption}
      columns={COLUMNS}
      query={query}
      keyOf={({ variable }) => variable}
      skeletonRows={14}
      skeletonHeight={59}
      empty={
        <Empty icon="settings" title={t("settings.noSettings")}>
          {t("settings.noSettingsAbout")}
        </Empty>
      }
    />
  );
}
