import { useState } from "react";
import { useUsage } from "../../api/registry.ts";
import { Section } from "../../ui/page.tsx";
import { Problem } from "../../ui/problem.tsx";
import { useNowMs } from "../../ui/relative-time.tsx";
import { Segments } from "../../ui/segments.tsx";
import { fillHours } from "../../ui/fill-hours.ts";
import { TokenBars } from "../../ui/token-bars.tsx";
import { t } from "../../text/t.ts";

const SPANS = { "24": t("user.last24Hours"), "168": t("user.last7Days") } as const;
type Span = keyof typeof SPANS;

/** Tokens issued to an API user, by hour. */
export function UsageChart({ username }: { readonly username: string }) {
  const [span, setSpan] = useState<Span>("24");
  const nowMs = useNowMs();
  const { data, error, refetch } = useUsage({ username }, Number(span));
  const hours = data === undefined ? undefined : fillHours(data, Number(span), nowMs);
  return (
    <Section
      title={t("common.tokensIssued")}
      actions={
        <Segments
          label={t("user.timeSpan")}
          value={span}
          onChange={setSpan}
          options={[
            ["24", SPANS["24"]],
            ["168", SPANS["168"]],
          ]}
        />
      }
    >
      <div className="card chart">
        {error !== null && hours === undefined ? (
          <Problem error={error} retry={() => void refetch()} />
        ) : (
          <TokenBars hours={hours ?? fillHours({ hours: [] }, Number(span), nowMs)} isWaiting={hours === undefined} />
        )}
      </div>
    </Section>
  );
}
