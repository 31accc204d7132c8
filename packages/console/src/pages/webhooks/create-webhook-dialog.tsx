import { useState } from "react";
import { useMe } from "../../api/me.ts";
import { useChange } from "../../api/queries.ts";
import { createWebhook, type WebhookWithSecret } from "../../api/webhooks.ts";
import { AccountPicker } from "../../forms/account-picker.tsx";
import { FormDialog, fieldProblem } from "../../forms/form-dialog.tsx";
import { useIdempotencyKey } from "../../forms/idempotency-key.ts";
import { parseWords } from "../../text/word-list.ts";
import { EventsField } from "./events-field.tsx";
import { UrlAndLabelFields } from "./url-and-label-fields.tsx";
import { t } from "../../text/t.ts";

/** Creates an endpoint, whose secret is then shown once. */
export function CreateWebhookDialog({
  onClose,
  onCreated,
}: {
  readonly onClose: () => void;
  readonly onCreated: (webhook: WebhookWithSecret) => void;
}) {
  const me = useMe();
  const key = useIdempotencyKey();
  const [fields, setFields] = useState({ url: "", label: "" });
  const [events, setEvents] = useState("*");
  const [account, setAccount] = useState(me.account ?? undefined);
  const creation = useChange(
    () =>
      createWebhook(
        {
          url: fields.url.trim(),
          events: parseWords(events),
          ...(fields.label.trim() === "" ? {} : { label: fields.label.trim() }),
          ...(account === undefined ? {} : { account }),
        },
        key,
      ),
    onCreated,
  );
  return (
    <FormDialog
      title={t("webhooks.newTitle")}
      button={t("webhooks.createEndpoint")}
      change={creation}
      isReplaced
      fields={["url", "label", "events", "account"]}
      onClose={onClose}
    >
      <UrlAndLabelFields {...fields} hasFocus error={creation.error} onChange={setFields} />
      <EventsField value={events} onChange={setEvents} problem={fieldProblem(creation.error, "events")} />
      {me.account === null ? (
        <AccountPicker
          label={t("common.account")}
          description={t("webhooks.scopeHint")}
          clearLabel={t("filter.allEvents")}
          value={account}
          error={fieldProblem(creation.error, "account")}
          onChange={setAccount}
        />
      ) : null}
    </FormDialog>
  );
}
