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
import { t } from "../text/t.ts";
import { T } from "./t.tsx";
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
        <li className="list-item faint">{t("ui.noSession")}</li>
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
                {session.current ? <Tag>{t("ui.thisSession")}</Tag> : null}
              </span>
              <span className="faint">
                <T
                  id="ui.sessionFacts"
                  values={{
                    address: <bdi>{session.address}</bdi>,
                    method: methodName(session.method),
                    createdAt: <RelativeTime at={session.created_at} />,
                    lastSeenAt: <RelativeTime at={session.last_seen_at} />,
                    endsAt: <RelativeTime at={session.ends_at} />,
                  }}
                />
              </span>
            </div>
            {session.current ? null : (
              <Button
                size="xs"
                variant="default"
                loading={ending.isPending && ending.variables === session}
                aria-label={t("ui.endSessionNamed", {
                  userAgent: browserName(session.user_agent),
                  address: session.address,
                })}
                onClick={() => ending.mutate(session, { onError: tellProblem })}
              >
                {t("ui.end")}
              </Button>
            )}
          </li>
        ))
      )}
    </ul>
  );
}
