import type { ReactNode } from "react";
import { Link } from "wouter";
import type { Overview } from "../../api/overview.ts";
import { Bone } from "../../ui/page.tsx";
import { numberText, t } from "../../text/t.ts";

/** As far as the service counts; one more stands for any greater number. */
const COUNT_MAX = 10_000;

/**
 * Counts that lead to the list of what they count. Those that need attention stand out.
 *
 * @param overview `undefined` while it is loading
 * @param account the shortname of the account whose overview it is; `undefined` for all accounts
 */
export function Figures({ overview, account }: { readonly overview: Overview | undefined; readonly account?: string }) {
  const keys = overview?.keys;
  const link = (path: string, filters: Readonly<Record<string, string>> = {}) => {
    const query = new URLSearchParams({ ...(account === undefined ? {} : { account }), ...filters }).toString();
    return query === "" ? path : `${path}?${query}`;
  };
  return (
    <div className="figures-frame">
      <div className="figures" aria-busy={overview === undefined}>
        <Figure href={link("/users")} label={t("common.apiUsers")} count={overview?.users}>
          {overview === undefined ? "" : usersText(overview, account === undefined)}
        </Figure>
        <Figure href={link("/keys", { status: "active" })} label={t("overview.activeKeys")} count={keys?.active}>
          {keys === undefined ? "" : t("overview.keysDeactivated", { shown: countText(keys.deactivated) })}
        </Figure>
        <Figure
          href={link("/keys", { expiring: "30d" })}
          label={t("overview.expireWithin30Days")}
          count={keys?.expiring_30d}
          look="is-urgent"
        >
          {keys === undefined ? "" : soonest(keys)}
        </Figure>
        <Figure
          href={link("/keys", { unused: "90d" })}
          label={t("overview.unusedFor90Days")}
          count={keys?.unused_90d}
          look="is-urgent"
        >
          {keys?.unused_90d === 0 ? t("overview.everyKeyIsInUse") : t("overview.unusedAbout")}
        </Figure>
        <Figure
          href={link("/keys", { weak: "true" })}
          label={t("overview.weakKeys")}
          count={keys?.weak}
          look="is-dangerous"
        >
          {keys?.weak === 0 ? t("keys.noneFound") : t("overview.replaceThem")}
        </Figure>
      </div>
    </div>
  );
}

function usersText({ accounts, users_by_status: { active, deactivated } }: Overview, hasAccounts: boolean): string {
  const [activeText, deactivatedText] = [countText(active), countText(deactivated)];
  if (!hasAccounts) return t("overview.usersByStatus", { active: activeText, deactivated: deactivatedText });
  return t("overview.usersByStatusInAccounts", {
    active: activeText,
    deactivated: deactivatedText,
    count: accounts,
    accounts: countText(accounts),
  });
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
