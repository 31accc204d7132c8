import { Button } from "@mantine/core";
import { Link } from "wouter";
import type { AuditEvent } from "../../api/service.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { ExactTime } from "../../ui/exact-time.tsx";
import { t } from "../../text/t.ts";

/** Everything recorded about an event. */
export function EventDetails({ event, onClose }: { readonly event: AuditEvent; readonly onClose: () => void }) {
  const { seq, at, actor, action, subject, details, hash, previous_hash: previousHash } = event;
  return (
    <Dialog title={t("audit.eventTitle", { seq })} onClose={onClose} size={600}>
      <div className="stack">
        <dl className="facts">
          <dt>{t("common.time")}</dt>
          <dd>
            <ExactTime atMs={Date.parse(at)} />
          </dd>
          <dt>{t("audit.actor")}</dt>
          <dd>
            <Link href={`/audit?actor=${encodeURIComponent(actor)}`} onClick={onClose}>
              <bdi>{actor}</bdi>
            </Link>
          </dd>
          <dt>{t("audit.action")}</dt>
          <dd>
            <code>{action}</code>
          </dd>
          <dt>{t("audit.subject")}</dt>
          <dd>
            <Link href={`/audit?subject=${encodeURIComponent(subject)}`} onClick={onClose}>
              <bdi>{subject}</bdi>
            </Link>
          </dd>
          {Object.entries(details).map(([name, value]) => (
            <Detail key={name} name={name} value={value} />
          ))}
          {hash === null ? null : (
            <>
              <dt>{t("audit.hash")}</dt>
              <dd>
                <code>{hash}</code>
              </dd>
              <dt>{t("audit.previousHash")}</dt>
              <dd>
                <code>{previousHash}</code>
              </dd>
            </>
          )}
        </dl>
        <div className="dialog-foot">
          <Button variant="default" data-autofocus onClick={onClose}>
            {t("common.close")}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}

function Detail({ name, value }: { readonly name: string; readonly value: unknown }) {
  const isTime = name.endsWith("_ms") && typeof value === "number";
  const label = (isTime ? name.slice(0, -"_ms".length) : name).replaceAll("_", " ");
  return (
    <>
      <dt>{label.slice(0, 1).toUpperCase() + label.slice(1)}</dt>
      <dd>
        {isTime ? (
          <ExactTime atMs={value} />
        ) : (
          <bdi>{typeof value === "string" ? value : value === null ? t("audit.none") : JSON.stringify(value)}</bdi>
        )}
      </dd>
    </>
  );
}
