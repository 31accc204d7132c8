import { Button } from "@mantine/core";
import { Link } from "wouter";
import type { AuditEvent } from "../../api/service.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { ExactTime } from "../../ui/exact-time.tsx";

/** Everything recorded about an event. */
export function EventDetails({ event, onClose }: { readonly event: AuditEvent; readonly onClose: () => void }) {
  const { seq, at, actor, action, subject, details, hash, previous_hash: previousHash } = event;
  return (
    <Dialog title={`Event ${seq}`} onClose={onClose} size={600}>
      <div className="stack">
        <dl className="facts">
          <dt>Time</dt>
          <dd>
            <ExactTime atMs={Date.parse(at)} />
          </dd>
          <dt>Actor</dt>
          <dd>
            <Link href={`/audit?actor=${encodeURIComponent(actor)}`} onClick={onClose}>
              <bdi>{actor}</bdi>
            </Link>
          </dd>
          <dt>Action</dt>
          <dd>
            <code>{action}</code>
          </dd>
          <dt>Subject</dt>
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
              <dt>Hash</dt>
              <dd>
                <code>{hash}</code>
              </dd>
              <dt>Previous hash</dt>
              <dd>
                <code>{previousHash}</code>
              </dd>
            </>
          )}
        </dl>
        <div className="dialog-foot">
          <Button variant="default" data-autofocus onClick={onClose}>
            Close
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
          <bdi>{typeof value === "string" ? value : value === null ? "none" : JSON.stringify(value)}</bdi>
        )}
      </dd>
    </>
  );
}
