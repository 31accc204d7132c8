import { permits, useMe } from "../../api/me.ts";
import { useOverview } from "../../api/overview.ts";
import { Page } from "../../ui/page.tsx";
import { Problem } from "../../ui/problem.tsx";
import { Figures } from "./figures.tsx";
import { FirstSteps } from "./first-steps.tsx";
import { LastChanges } from "./last-changes.tsx";
import { Nodes } from "./nodes.tsx";
import { Refusals } from "./refusals.tsx";
import { TokensIssued } from "./tokens-issued.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";
import "./overview-page.css";

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
              <TokensIssued hours={data?.tokens} />
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
