import type { Overview } from "../../api/overview.ts";
import { fillHours } from "../../ui/fill-hours.ts";
import { Section } from "../../ui/page.tsx";
import { useNowMs } from "../../ui/relative-time.tsx";
import { TokenBars } from "../../ui/token-bars.tsx";
import { t } from "../../text/t.ts";

const HOURS = 24;

/** Tokens issued in each of the last 24 hours. @param hours `undefined` while they are loading */
export function TokensIssued({ hours }: { readonly hours: Overview["tokens"] | undefined }) {
  const nowMs = useNowMs();
  return (
    <Section title={t("common.tokensIssued")} about={t("overview.tokensAbout")}>
      <div className="card chart">
        <TokenBars hours={fillHours({ hours: hours ?? [] }, HOURS, nowMs)} isWaiting={hours === undefined} />
      </div>
    </Section>
  );
}
