import { Link } from "wouter";
import type { Overview } from "../../api/overview.ts";
import { Bone, Section } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { Sentence } from "../../ui/sentence.tsx";
import { t } from "../../text/t.ts";
import "../../ui/list.css";

/** The latest events of the audit log. @param changes `undefined` while they are loading */
export function LastChanges({ changes }: { readonly changes: Overview["changes"] | undefined }) {
  return (
    <Section title={t("overview.lastChanges")} actions={<Link href="/audit">{t("common.auditLog")}</Link>}>
      <ul className="card list changes" aria-busy={changes === undefined}>
        {changes === undefined ? (
          <li className="list-item">
            <Bone width="60%" height={36} />
          </li>
        ) : changes.length === 0 ? (
          <li className="list-item faint">{t("overview.nothingWasChangedYet")}</li>
        ) : (
          changes.map((event) => (
            <li key={event.seq} className="list-item">
              <div className="list-words">
                <Sentence event={event} />
              </div>
              <span className="faint">
                <RelativeTime at={event.at} />
              </span>
            </li>
          ))
        )}
      </ul>
    </Section>
  );
}
