import { Button } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { useState } from "react";
import type { Listed } from "../api/client.ts";
import type { Session } from "../api/operators.ts";
import { browserName } from "../text/browser-name.ts";
import { Bone } from "./page.tsx";
import { Problem } from "./problem.tsx";
import { RelativeTime } from "./relative-time.tsx";
import { Tag } from "./status-badge.tsx";
import { tellProblem } from "./tell.tsx";
import { methodName } from "../text/method-name.ts";
import "./session-list.css";

/** Where somebody is signed in. @param end ends one; the list is read again by whoever gave it */
export function SessionList({
  query,
  end,
}: {
  readonly query: UseQueryResult<Listed<Session>>;
  readonly end: (session: Session) => Promise<unknown>;
}) {
  const [ending, setEnding] = useState<number>();
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
        <li className="list-item faint">Signed in nowhere.</li>
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
                · seen <RelativeTime at={session.last_seen_at} /> · ends <RelativeTime at={session.ends_at} />
              </span>
            </div>
            {session.current ? null : (
              <Button
                size="xs"
                variant="default"
                loading={ending === session.id}
                aria-label={`End the session of ${browserName(session.user_agent)} at ${session.address}`}
                onClick={() => {
                  setEnding(session.id);
                  end(session)
                    .catch(tellProblem)
                    .finally(() => setEnding(undefined));
                }}
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
