import { permits, useMe } from "../../api/me.ts";
import { type Overview, useOverview } from "../../api/overview.ts";
import { fillHours } from "../../ui/fill-hours.ts";
import { Page, Section } from "../../ui/page.tsx";
import { Problem } from "../../ui/problem.tsx";
import { useNowMs } from "../../ui/relative-time.tsx";
import { TokenBars } from "../../ui/token-bars.tsx";
import { Figures } from "./figures.tsx";
import { FirstSteps } from "./first-steps.tsx";
import { LastChanges } from "./last-changes.tsx";
import { Nodes } from "./nodes.tsx";
import { Refusals } from "./refusals.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";
import "./overview-page.css";

const HOURS = 24;

/** The first page after the sign-in: what is going on, and which keys need attention. Everything leads to the list behind it. */
export function OverviewPage() {
  const me = useMe();
  const { data, error, refetch } = useOverview();
  const isEmpty = data !== undefined && data.users === 0;
  const steps = data?.first_steps;
  const areStepsLeft =
    steps !== undefined && steps !== null && !(steps.user && steps.key && steps.token && steps.check);
  return (
    <Page
      title={t("common.overview")}
      about={
        me.account === null ? (
          t("overview.about")
        ) : (
          <T id="overview.aboutOfAccount" values={{ account: <bdi>{me.account}</bdi> }} />
        )
      }
    >
      {error !== null && data === undefined ? (
        <Problem error={error} retry={() => void refetch()} />
      ) : (
        <>
          {areStepsLeft ? <FirstSteps done={steps} mayCreate={permits(me, "admin")} /> : null}
          {isEmpty ? null : (
            <>
              <Figures overview={data} />
              <Tokens hours={data?.tokens} />
            </>
          )}
        </>
      )}
      {isEmpty || me.account !== null ? null : <Refusals refusals={data?.refusals} />}
      <LastChanges changes={data?.changes} />
      {me.account === null ? <Nodes nodes={data?.nodes} /> : null}
    </Page>
  );
}

/** @param hours `undefined` while they are loading */
function Tokens({ hours }: { readonly hours: Overview["tokens"] | undefined }) {
  const nowMs = useNowMs();
  return (
    <Section title={t("common.tokensIssued")} about={t("overview.tokensAbout")}>
      <div className="card chart">
        <TokenBars hours={fillHours({ hours: hours ?? [] }, HOURS, nowMs)} isWaiting={hours === undefined} />
      </div>
    </Section>
  );
}
