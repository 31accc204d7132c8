import { Button } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ListPage } from "../api/client.ts";
import type { Session } from "../api/operators.ts";
import { useChange } from "../api/queries.ts";
import { browserName } from "../text/browser-name.ts";
import { Bone } from "./page.tsx";
import { Problem } from "./problem.tsx";
import { RelativeTime } from "./relative-time.tsx";
import { Tag } from "./status-badge.tsx";
import { tellProblem } from "./tell.tsx";
import { methodName } from "../text/method-name.ts";
import "./list.css";

/** An operator's sessions. @param end ends one of them */
export function SessionList({
  query,
  end,
}: {
  readonly query: UseQueryResult<ListPage<Session>>;
  readonly end: (session: Session) => Promise<unknown>;
}) {
  const ending = useChange(end);
  const { data, error } = query;
  if (error !== null && data === undefined) {
    return (
      <div className="card-inside">
        <Problem error={error} retry={() => void query.refetch()} />
      </div>
    );
  }
  if (data?.items.length === 0) {
    return (
      <ul className="list">
        <li className="list-item faint">No session.</li>
      </ul>
    );
  }
  return (
    <ul className="list" aria-busy={data === undefined}>
      {data === undefined ? (
        <li className="list-item">
          <Bone width="60%" height={36} />
        </li>
      ) : (
        data.items.map((session) => (
          <li key={session.id} className="list-item">
            <div className="list-words">
              <span className="row">
                <strong title={session.user_agent}>
                  <bdi>{browserName(session.user_agent)}</bdi>
                </strong>
                {session.current ? <Tag>this session</Tag> : null}
              </span>
              <span className="faint">
                <bdi>{session.address}</bdi> · by {methodName(session.method)} <RelativeTime at={session.created_at} />{" "}
                · last seen <RelativeTime at={session.last_seen_at} /> · ends <RelativeTime at={session.ends_at} />
              </span>
            </div>
            {session.current ? null : (
              <Button
                size="xs"
                variant="default"
                loading={ending.isPending && ending.variables === session}
                aria-label={`End the session of ${browserName(session.user_agent)} at ${session.address}`}
                onClick={() => ending.mutate(session, { onError: tellProblem })}
              >
                End
              </Button>
            )}
          </li>
        ))
      )}
    </ul>
  );
}
