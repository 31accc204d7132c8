import { type KeyboardEvent, type PointerEvent, useState } from "react";
import { utcHour } from "../text/time-text.ts";
import type { Hour } from "./fill-hours.ts";
import { numberText, t } from "../text/t.ts";
import "./token-bars.css";

/** Size of the plot in its own units; it is stretched to the width of the page. */
const WIDTH = 1000;
const HEIGHT = 132;

/** Tokens issued per hour, as bars. Each value can be read by pointer, by keyboard and in a table. */
export function TokenBars({ hours, isWaiting }: { readonly hours: readonly Hour[]; readonly isWaiting: boolean }) {
  const [pointedAt, setPointedAt] = useState<number>();
  const total = hours.reduce((sum, { tokens }) => sum + tokens, 0);
  const most = Math.max(1, ...hours.map(({ tokens }) => tokens));
  const slot = WIDTH / hours.length;
  const gap = slot * 0.22;
  const pointed = pointedAt === undefined ? undefined : hours[pointedAt];

  function point(event: PointerEvent<SVGSVGElement>): void {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    const at = Math.floor(((event.clientX - left) / width) * hours.length);
    setPointedAt(Math.min(hours.length - 1, Math.max(0, at)));
  }

  function move(event: KeyboardEvent): void {
    const at = pointedAt ?? hours.length - 1;
    const next = {
      ArrowLeft: at - 1,
      ArrowDown: at - 1,
      ArrowRight: at + 1,
      ArrowUp: at + 1,
      PageUp: at + 6,
      PageDown: at - 6,
      Home: 0,
      End: hours.length - 1,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    setPointedAt(Math.min(hours.length - 1, Math.max(0, next)));
  }

  const shown = hours[pointedAt ?? hours.length - 1];
  return (
    <>
      <div className="chart-head">
        <span className="chart-total number">{isWaiting ? "…" : numberText(pointed?.tokens ?? total)}</span>
        <span className="faint">{pointed === undefined ? t("ui.inTotal") : utcHour(pointed.atMs)}</span>
      </div>
      <div className="chart-frame">
        <svg
          className="chart-plot"
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          preserveAspectRatio="none"
          role="slider"
          tabIndex={0}
          aria-label={t("ui.tokensIssuedByHour")}
          aria-valuemin={0}
          aria-valuemax={hours.length - 1}
          aria-valuenow={pointedAt ?? hours.length - 1}
          aria-valuetext={
            shown === undefined ? "" : t("ui.tokensInHour", { hour: utcHour(shown.atMs), tokens: shown.tokens })
          }
          onPointerMove={point}
          onPointerDown={point}
          onPointerLeave={() => setPointedAt(undefined)}
          onKeyDown={move}
          onFocus={(event) => {
            if (event.currentTarget.matches(":focus-visible")) setPointedAt(hours.length - 1);
          }}
          onBlur={() => setPointedAt(undefined)}
        >
          {pointedAt === undefined ? null : (
            <rect className="chart-hover" x={pointedAt * slot} y={0} width={slot} height={HEIGHT} />
          )}
          {hours.map(({ atMs, tokens }, at) => {
            // Any token at all must be visible.
            const height = tokens === 0 ? 0 : Math.max(3, (tokens / most) * (HEIGHT - 6));
            return (
              <rect
                key={atMs}
                className={at === pointedAt ? "chart-bar is-pointed" : "chart-bar"}
                x={at * slot + gap / 2}
                y={HEIGHT - 1 - height}
                width={slot - gap}
                height={height}
              />
            );
          })}
          <line
            className="chart-ground"
            x1={0}
            x2={WIDTH}
            y1={HEIGHT - 0.5}
            y2={HEIGHT - 0.5}
            vectorEffect="non-scaling-stroke"
          />
        </svg>
        {total === 0 && !isWaiting ? <p>{t("ui.noTokens")}</p> : null}
      </div>
      <div className="chart-axis number" aria-hidden="true">
        <span>{hours.length > 24 ? t("ui.7DaysAgo") : t("ui.24HoursAgo")}</span>
        <span>{t("ui.now")}</span>
      </div>
      <details className="chart-table">
        <summary>{t("ui.asATable")}</summary>
        <div className="chart-table-frame" role="region" aria-label={t("ui.tokensIssuedAsATable")} tabIndex={0}>
          <table className="number">
            <thead>
              <tr>
                <th scope="col">{t("ui.hour")}</th>
                <th scope="col">{t("common.tokens")}</th>
              </tr>
            </thead>
            <tbody>
              {hours
                .filter(({ tokens }) => tokens > 0)
                .toReversed()
                .map(({ atMs, tokens }) => (
                  <tr key={atMs}>
                    <td>{utcHour(atMs)}</td>
                    <td>{numberText(tokens)}</td>
                  </tr>
                ))}
              {total === 0 ? (
                <tr>
                  <td colSpan={2} className="faint">
                    {t("ui.noTokens")}
                  </td>
                </tr>
              ) : null}
            </tbody>
          </table>
        </div>
      </details>
    </>
  );
}
