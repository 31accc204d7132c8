import { type ImpactScope, useImpact } from "../api/registry.ts";
import { Bone } from "./page.tsx";
import { Problem } from "./problem.tsx";
import { RelativeTime } from "./relative-time.tsx";
import { numberText, t } from "../text/t.ts";
import { T } from "./t.tsx";
import "./impact-summary.css";

/** How many live tokens a deactivation or revocation ends, and which clients hold them. */
export function ImpactSummary({ scope }: { readonly scope: ImpactScope }) {
  const { data, error, refetch } = useImpact(scope);
  if (error !== null) return <Problem error={error} retry={() => void refetch()} />;
  if (data === undefined) {
    return (
      <div className="impact" aria-busy="true">
        <Bone width={220} height={20} />
        <Bone width="100%" height={34} />
      </div>
    );
  }
  const { live_tokens: tokens, clients, client_count: clientCount } = data;
  if (tokens === 0) {
    return (
      <div className="impact" role="status">
        <strong>{t("ui.noLiveTokenDependsOn")}</strong>
        <span className="soft">{t("ui.noClientAffected")}</span>
      </div>
    );
  }
  return (
    <div className="impact" role="status">
      <strong>{t("ui.liveTokensStop", { tokens, clients: clientCount })}</strong>
      <ul className="impact-clients">
        {clients.slice(0, 5).map((client) => (
          <li key={client.username}>
            <bdi className="mono">{client.username}</bdi>
            <span className="faint">
              <T
                id="ui.clientFacts"
                values={{
                  liveTokens: numberText(client.live_tokens),
                  lastUsedAt: <RelativeTime at={client.last_used_at} />,
                }}
              />
            </span>
          </li>
        ))}
        {clientCount > 5 ? (
          <li className="faint">{t("ui.andMore", { clientCount: numberText(clientCount - 5) })}</li>
        ) : null}
      </ul>
    </div>
  );
}
