import { Link } from "wouter";
import type { Overview } from "../../api/overview.ts";
import type { Node } from "../../api/service.ts";
import { feedLag } from "../../text/feed-lag.ts";
import { Bone, Section } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";
import "../../ui/list.css";

/** The running server processes. @param nodes `undefined` while they are loading */
export function Nodes({ nodes }: { readonly nodes: Overview["nodes"] }) {
  return (
    <Section title={t("common.nodes")} actions={<Link href="/signing-keys">{t("overview.nodesAndSigningKeys")}</Link>}>
      <ul className="card list" aria-busy={nodes === undefined}>
        {nodes === undefined ? (
          <li className="list-item">
            <Bone width="60%" height={36} />
          </li>
        ) : nodes.length === 0 ? (
          <li className="list-item faint">{t("overview.noNodeHasReportedYet")}</li>
        ) : (
          nodes.map((node) => <NodeItem key={node.id} node={node} />)
        )}
      </ul>
    </Section>
  );
}

function NodeItem({ node }: { readonly node: Node }) {
  const { id, host_name: hostName, version, started_at: startedAt, seen_at: seenAt } = node;
  const lag = feedLag(node.feed_lag_seconds);
  return (
    <li className="list-item">
      <div className="list-words">
        <bdi className="mono">{hostName ?? id}</bdi>
        <span className="faint">
          {lag === undefined ? (
            <T
              id="overview.nodeFacts"
              values={{ version, startedAt: <RelativeTime at={startedAt} />, seenAt: <RelativeTime at={seenAt} /> }}
            />
          ) : (
            <T
              id="overview.nodeFactsAndFeed"
              values={{
                version,
                startedAt: <RelativeTime at={startedAt} />,
                seenAt: <RelativeTime at={seenAt} />,
                feed: lag.isBehind ? <strong className="node-behind">{lag.text}</strong> : lag.text,
              }}
            />
          )}
        </span>
      </div>
    </li>
  );
}
