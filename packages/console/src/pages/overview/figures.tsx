import type { ReactNode } from "react";
import { Link } from "wouter";
import type { Overview } from "../../api/overview.ts";
import { Bone } from "../../ui/page.tsx";
import { numberText, t } from "../../text/t.ts";

/** As far as the service counts; one more stands for any greater number. */
const COUNT_MAX = 10_000;

/** Counts that lead to the list of what they count. Those that need attention stand out. @param overview `undefined` while it is loading */
export function Figures({ overview }: { readonly overview: Overview | undefined }) {
  const keys = overview?.keys;
  return (
    <div className="figures" aria-busy={overview === undefined}>
      <Figure href="/users" label={t("common.apiUsers")} count={overview?.users}>
        {overview === undefined
          ? ""
          : t("overview.inAccounts", { count: overview.accounts, shown: countText(overview.accounts) })}
      </Figure>
      <Figure href="/keys?status=active" label={t("overview.activeKeys")} count={keys?.active}>
        {t("overview.ofAllApiUsers")}
      </Figure>
      <Figure
        href="/keys?expiring=30d"
        label={t("overview.expireWithin30Days")}
        count={keys?.expiring_30d}
        look="is-urgent"
      >
        {keys === undefined ? "" : soonest(keys)}
      </Figure>
      <Figure href="/keys?unused=90d" label={t("overview.unusedFor90Days")} count={keys?.unused_90d} look="is-urgent">
        {keys?.unused_90d === 0 ? t("overview.everyKeyIsInUse") : t("overview.unusedAbout")}
      </Figure>
      <Figure href="/keys?weak=true" label={t("overview.weakKeys")} count={keys?.weak} look="is-dangerous">
        {keys?.weak === 0 ? t("overview.noneWasFound") : t("overview.replaceThem")}
      </Figure>
    </div>
  );
}

function countText(count: number): string {
  return count > COUNT_MAX ? t("overview.over", { count: numberText(COUNT_MAX) }) : numberText(count);
}

function soonest({ expiring_1d: day, expiring_7d: week, expiring_30d: month }: Overview["keys"]): string {
  if (month === 0) return t("overview.noneExpires");
  if (week === 0) return t("overview.noneSoon");
  return t("overview.soonest", { week: countText(week), day: countText(day) });
}

function Figure({
  href,
  label,
  count,
  look,
  children,
}: {
  readonly href: string;
  readonly label: string;
  readonly count: number | undefined;
  /** How it looks if it isn't zero. */
  readonly look?: "is-urgent" | "is-dangerous";
  readonly children: ReactNode;
}) {
  const className = look === undefined || count === undefined || count === 0 ? "card figure" : `card figure ${look}`;
  return (
    <Link href={href} className={className}>
      <span className="figure-label">{label}</span>
      {count === undefined ? (
        <Bone width={60} height={30} />
      ) : (
        <strong className="figure-count number">{countText(count)}</strong>
      )}
      <span className="figure-about">{count === undefined ? <Bone width={110} height={17} /> : children}</span>
    </Link>
  );
}
