import { useMe } from "../../api/me.ts";
import type { Overview } from "../../api/overview.ts";
import { Bone, Section } from "../../ui/page.tsx";
import { numberText, t } from "../../text/t.ts";

/** How many codes are listed. */
const SHOWN_MAX = 8;

/** Why requests of clients were refused, most frequent first. Each code leads to its cause and fix. */
export function Refusals({ refusals }: { readonly refusals: Overview["refusals"] }) {
  const { service } = useMe();
  const sorted = (refusals ?? []).toSorted((one, other) => other.refusals - one.refusals);
  const most = sorted[0]?.refusals ?? 1;
  return (
    <Section title={t("overview.refusals")} about={t("overview.refusalsAbout")}>
      <div className="card" aria-busy={refusals === undefined}>
        {refusals === undefined ? (
          <div className="card-inside">
            <Bone width="60%" height={24} />
          </div>
        ) : sorted.length === 0 ? (
          <p className="card-inside faint">{t("overview.noRequestWasRefused")}</p>
        ) : (
          <ul className="refusals">
            {sorted.slice(0, SHOWN_MAX).map(({ code, refusals: count }) => (
              <li key={code}>
                <a href={`${service.public_url}/docs/errors#${code}`} target="_blank" rel="noreferrer">
                  <code>{code}</code>
                </a>
                <span className="refusals-bar" aria-hidden="true">
                  <span style={{ width: `${Math.max(1, (count / most) * 100)}%` }} />
                </span>
                <span className="number">{numberText(count)}</span>
              </li>
            ))}
          </ul>
        )}
      </div>
    </Section>
  );
}
