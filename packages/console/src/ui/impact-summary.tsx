import { type ImpactScope, useImpact } from "../api/registry.ts";
import { Bone } from "./page.tsx";
import { Problem } from "./problem.tsx";
import { RelativeTime } from "./relative-time.tsx";
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
        <strong>No live token depends on it.</strong>
        <span className="soft">No client that holds a token now is affected; new assertions are refused.</span>
      </div>
    );
  }
  return (
    <div className="impact" role="status">
      <strong>
        {tokens.toLocaleString("en")} live {tokens === 1 ? "token stops" : "tokens stop"} at once
        {clientCount > 1 ? `, of ${clientCount.toLocaleString("en")} clients` : ""}.
      </strong>
      <ul className="impact-clients">
        {clients.slice(0, 5).map((client) => (
          <li key={client.username}>
            <bdi className="mono">{client.username}</bdi>
            <span className="faint">
              {client.live_tokens.toLocaleString("en")} · used <RelativeTime at={client.last_used_at} />
            </span>
          </li>
        ))}
        {clientCount > 5 ? <li className="faint">and {(clientCount - 5).toLocaleString("en")} more</li> : null}
      </ul>
    </div>
  );
}
