import { Button } from "@mantine/core";
import { useState } from "react";
import { Link } from "wouter";
import { permits, useMe } from "../../api/me.ts";
import { useWebhooks, type Webhook, type WebhookFilter, type WebhookWithSecret } from "../../api/webhooks.ts";
import { StatusFilter } from "../../forms/filters.tsx";
import { useFilters } from "../../forms/search-state.ts";
import { type Column, DataTable } from "../../ui/data-table.tsx";
import { Icon } from "../../ui/icon.tsx";
import { NoMatch } from "../../ui/no-match.tsx";
import { Empty, Page } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import { CreateWebhookDialog } from "./create-webhook-dialog.tsx";
import { WebhookSecretDialog } from "./secret-dialog.tsx";
import { WebhookStatus } from "./webhook-status.tsx";
import { t } from "../../text/t.ts";
import "./webhooks-page.css";

const COLUMNS: readonly Column<Webhook>[] = [
  {
    heading: t("webhooks.endpoint"),
    cell: ({ id, label, url }) => (
      <div className="endpoint">
        <Link href={`/webhooks/${id}`} className="row-link">
          {label === null ? t("webhooks.endpointNumber", { id }) : <bdi>{label}</bdi>}
        </Link>
        <bdi className="mono faint">{new URL(url).origin}</bdi>
      </div>
    ),
  },
  {
    heading: t("webhooks.events"),
    width: 160,
    cell: ({ events }) =>
      events.includes("*") ? <span className="faint">{t("webhooks.all")}</span> : <code>{events.join(", ")}</code>,
  },
  {
    heading: t("common.account"),
    width: 100,
    cell: ({ account }) =>
      account === null ? <span className="faint">{t("webhooks.all")}</span> : <bdi>{account}</bdi>,
  },
  { heading: t("webhooks.lastDelivered"), width: 122, cell: ({ last_delivered_at: at }) => <RelativeTime at={at} /> },
  { heading: t("common.status"), isLead: true, width: 170, cell: (webhook) => <WebhookStatus webhook={webhook} /> },
];

/** Lists webhook endpoints, to create one or to see which of them fail. */
export default function WebhooksPage() {
  const me = useMe();
  const filters = useFilters(["status"]);
  const mayChange = permits(me, "admin");
  const query = useWebhooks(filters.values as WebhookFilter, { isEnabled: mayChange });
  const [isCreating, setIsCreating] = useState(false);
  const [created, setCreated] = useState<WebhookWithSecret>();
  const about = t("webhooks.about");
  if (!mayChange) {
    return (
      <Page title={t("common.webhooks")} about={about}>
        <RoleNote me={me} needs="admin" what={t("webhooks.roleNeeded")} />
      </Page>
    );
  }
  const create = (
    <Button leftSection={<Icon name="plus" />} onClick={() => setIsCreating(true)}>
      {t("webhooks.newEndpoint")}
    </Button>
  );
  return (
    <Page title={t("common.webhooks")} about={about} actions={create}>
      <div className="filters">
        <StatusFilter filters={filters} />
      </div>
      <DataTable
        caption={t("webhooks.webhookEndpoints")}
        columns={COLUMNS}
        query={query}
        keyOf={({ id }) => id}
        skeletonHeight={56}
        counted={(count) => t("webhooks.count", { count })}
        goTo={filters.goTo}
        empty={
          filters.hasAny ? (
            <NoMatch title={t("webhooks.noWebhookEndpointMatches")} path="/webhooks">
              {t("webhooks.noEndpointHasThisStatus")}
            </NoMatch>
          ) : (
            <Empty icon="webhook" title={t("webhooks.noWebhookEndpointYet")} actions={create}>
              {t("webhooks.emptyAbout")}
            </Empty>
          )
        }
      />
      {isCreating ? (
        <CreateWebhookDialog
          onClose={() => setIsCreating(false)}
          onCreated={(webhook) => {
            setIsCreating(false);
            setCreated(webhook);
          }}
        />
      ) : null}
      {created === undefined ? null : <WebhookSecretDialog webhook={created} onStored={() => setCreated(undefined)} />}
    </Page>
  );
}
