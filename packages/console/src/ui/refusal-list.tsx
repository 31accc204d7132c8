import { useMe } from "../api/me.ts";
import { numberText } from "../text/t.ts";
import { Bone } from "./page.tsx";
import "./refusal-list.css";

/** How many codes are listed. */
const SHOWN_MAX = 8;

/** Refusals by code, most first. Each code leads to its cause and fix. @param refusals `undefined` while they are loading */
export function RefusalList({
  refusals,
  none,
}: {
  readonly refusals: readonly { readonly code: string; readonly refusals: number }[] | undefined;
  /** Says that there are none. */
  readonly none: string;
}) {
  const { service } = useMe();
  const sorted = (refusals ?? []).toSorted((one, other) => other.refusals - one.refusals);
  const most = sorted[0]?.refusals ?? 1;
  return (
    <div className="card" aria-busy={refusals === undefined}>
      {refusals === undefined ? (
        <div className="card-inside">
          <Bone width="60%" height={24} />
        </div>
      ) : sorted.length === 0 ? (
        <p className="card-inside faint">{none}</p>
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
  );
}
