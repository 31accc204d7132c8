import { useState } from "react";
import { ApiError } from "../../api/api-error.ts";
import { useChange } from "../../api/queries.ts";
import { changeWebhook, readWebhook, type Webhook } from "../../api/webhooks.ts";
import { FormDialog, fieldProblem } from "../../forms/form-dialog.tsx";
import { useVersion } from "../../forms/use-version.ts";
import { areSameWords, parseWords, wordsText } from "../../text/word-list.ts";
import { Note } from "../../ui/problem.tsx";
import { tell } from "../../ui/tell.tsx";
import { EventsField } from "./events-field.tsx";
import { UrlAndLabelFields } from "./url-and-label-fields.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** Changes an endpoint's URL, label and events. It never overwrites a change by another operator without showing it first. */
export function EditWebhookDialog({ webhook, onClose }: { readonly webhook: Webhook; readonly onClose: () => void }) {
  const { id } = webhook;
  const [fields, setFields] = useState({ url: webhook.url, label: webhook.label ?? "" });
  const [events, setEvents] = useState(wordsText(webhook.events));
  const { newer, apply } = useVersion(() => readWebhook(id));
  const shown = newer?.value ?? webhook;
  const change = useChange(
    () =>
      apply(({ etag, value }) => {
        // The page behind the dialog was already out of date when the dialog opened.
        const isCurrent =
          value.url === shown.url && value.label === shown.label && areSameWords(value.events, shown.events);
        if (!isCurrent) throw new ApiError("precondition_failed", "The endpoint was changed.", { status: 412 });
        const label = fields.label.trim();
        return changeWebhook(
          id,
          { url: fields.url.trim(), label: label === "" ? null : label, events: parseWords(events) },
          etag,
        );
      }),
    () => tell(t("webhooks.savedEndpoint", { id })),
  );
  return (
    <FormDialog
      title={t("webhooks.editTitle", { id })}
      above={
        newer === undefined ? null : (
          <Note kind="warning">
            <T
              id="webhooks.changedMeanwhile"
              values={{ url: <bdi>{newer.value.url}</bdi>, events: <bdi>{newer.value.events.join(", ")}</bdi> }}
            />
          </Note>
        )
      }
      button={t("common.save")}
      change={change}
      fields={["url", "label", "events"]}
      onClose={onClose}
    >
      <UrlAndLabelFields {...fields} error={change.error} onChange={setFields} />
      <EventsField value={events} onChange={setEvents} problem={fieldProblem(change.error, "events")} />
    </FormDialog>
  );
}
