import { Button } from "@mantine/core";
import { useState } from "react";
import { Link } from "wouter";
import { permits, useMe } from "../../api/me.ts";
import { useChange } from "../../api/queries.ts";
import {
  changeWebhook,
  readWebhook,
  testWebhook,
  useWebhook,
  type Webhook,
  type WebhookWithSecret,
} from "../../api/webhooks.ts";
import { activate, DeactivateDialog, type Switchable } from "../../forms/standing-change.tsx";
import { Page, Section } from "../../ui/page.tsx";
import { Note, Problem } from "../../ui/problem.tsx";
import { RoleNote } from "../../ui/role-note.tsx";
import { Deliveries } from "./deliveries.tsx";
import { EditWebhookDialog } from "./edit-webhook-dialog.tsx";
import { RotateWebhookDialog } from "./rotate-webhook-dialog.tsx";
import { WebhookSecretDialog } from "./secret-dialog.tsx";
import { WebhookFacts } from "./webhook-facts.tsx";
import { ServerText } from "../../ui/server-text.tsx";
import { t } from "../../text/t.ts";

type Opened =
  | { readonly what: "edit" | "rotate" | "deactivate" }
  | { readonly what: "secret"; readonly webhook: WebhookWithSecret };

/** One webhook endpoint: its state, a test, and its last deliveries. */
export default function WebhookPage({ id }: { readonly id: number }) {
  const me = useMe();
  if (permits(me, "admin")) return <Endpoint id={id} />;
  return (
    <Page title={t("webhooks.webhookEndpoint", { id })} crumb={<Link href="/webhooks">{t("common.webhooks")}</Link>}>
      <RoleNote me={me} needs="admin" what={t("webhooks.roleNeeded")} />
    </Page>
  );
}

function Endpoint({ id }: { readonly id: number }) {
  const { data, error, refetch } = useWebhook(id);
  const [opened, setOpened] = useState<Opened>();
  const testing = useChange(() => testWebhook(id));
  const close = () => setOpened(undefined);
  const webhook = data?.value;
  return (
    <Page
      title={t("webhooks.webhookEndpoint", { id })}
      crumb={<Link href="/webhooks">{t("common.webhooks")}</Link>}
      {...(webhook?.label ? { heading: <bdi>{webhook.label}</bdi> } : {})}
      actions={
        webhook === undefined ? undefined : (
          <Actions
            webhook={webhook}
            open={(what) => setOpened({ what })}
            test={() => testing.mutate()}
            isTesting={testing.isPending}
          />
        )
      }
    >
      {error !== null && webhook === undefined ? (
        <Problem error={error} retry={() => void refetch()} />
      ) : (
        <>
          <div aria-live="polite">
            {testing.error === null ? null : <Problem error={testing.error} />}
            {testing.data === undefined ? null : (
              <Note kind={testing.data.outcome === "delivered" ? "good" : "warning"}>
                <strong>{t("webhooks.tested", { outcome: testing.data.outcome })}</strong>{" "}
                <ServerText>{testing.data.message}</ServerText>
              </Note>
            )}
          </div>
          <WebhookFacts webhook={webhook} />
          <Section title={t("webhooks.deliveries")} about={t("webhooks.deliveriesAbout")}>
            <Deliveries id={id} />
          </Section>
        </>
      )}
      {opened?.what === "edit" && webhook !== undefined ? (
        <EditWebhookDialog webhook={webhook} onClose={close} />
      ) : null}
      {opened?.what === "rotate" && webhook !== undefined ? (
        <RotateWebhookDialog
          webhook={webhook}
          onClose={close}
          onRotated={(rotated) => setOpened({ what: "secret", webhook: rotated })}
        />
      ) : null}
      {opened?.what === "secret" ? <WebhookSecretDialog webhook={opened.webhook} onStored={close} /> : null}
      {opened?.what === "deactivate" ? (
        <DeactivateDialog thing={switchableWebhook(id)} about={t("webhooks.deactivateAbout")} onClose={close} />
      ) : null}
    </Page>
  );
}

function Actions({
  webhook,
  open,
  test,
  isTesting,
}: {
  readonly webhook: Webhook;
  readonly open: (what: "edit" | "rotate" | "deactivate") => void;
  readonly test: () => void;
  readonly isTesting: boolean;
}) {
  return (
    <>
      {webhook.status === "active" ? (
        <Button variant="default" onClick={() => open("deactivate")}>
          {t("common.deactivate")}
        </Button>
      ) : (
        <Button variant="default" onClick={() => void activate(switchableWebhook(webhook.id))}>
          {t("common.activate")}
        </Button>
      )}
      <Button variant="default" onClick={() => open("rotate")}>
        {t("secret.new")}
      </Button>
      <Button variant="default" onClick={() => open("edit")}>
        {t("common.edit")}
      </Button>
      <Button loading={isTesting} onClick={test}>
        {t("webhooks.sendATest")}
      </Button>
    </>
  );
}

function switchableWebhook(id: number): Switchable {
  return {
    kind: "webhook",
    name: String(id),
    read: () => readWebhook(id),
    change: (patch, etag) => changeWebhook(id, patch, etag),
  };
}
