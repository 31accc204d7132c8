import { useMe } from "../../api/me.ts";
import type { Overview } from "../../api/overview.ts";
import { Bone, Section } from "../../ui/page.tsx";

/** How many codes are listed. */
const SHOWN_MAX = 8;

/** Why requests of clients were refused, most frequent first. Each code leads to its cause and fix. */
export function Refusals({ refusals }: { readonly refusals: Overview["refusals"] }) {
  const { service } = useMe();
  const sorted = (refusals ?? []).toSorted((one, other) => other.refusals - one.refusals);
  const most = sorted[0]?.refusals ?? 1;
  return (
    <Section
      title="Refusals"
      about="Requests of clients that were refused in the last 24 hours, by code. A code leads to its cause and fix."
    >
      <div className="card" aria-busy={refusals === undefined}>
        {refusals === undefined ? (
          <div className="card-inside">
            <Bone width="60%" height={24} />
          </div>
        ) : sorted.length === 0 ? (
          <p className="card-inside faint">No request was refused.</p>
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
                <span className="number">{count.toLocaleString("en")}</span>
              </li>
            ))}
          </ul>
        )}
      </div>
    </Section>
  );
}
