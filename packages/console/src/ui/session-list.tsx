import { Button } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ListPage } from "../api/client.ts";
import type { Session } from "../api/operators.ts";
import { useChange } from "../api/queries.ts";
import { browserName } from "../text/browser-name.ts";
import { ItemList, ListItem } from "./item-list.tsx";
import { RelativeTime } from "./relative-time.tsx";
import { Tag } from "./status-badge.tsx";
import { tellProblem } from "./tell.tsx";
import { methodName } from "../text/method-name.ts";
import { t } from "../text/t.ts";
import { T } from "./t.tsx";

/** An operator's sessions. @param end ends one of them */
export function SessionList({
  query,
  end,
}: {
  readonly query: UseQueryResult<ListPage<Session>>;
  readonly end: (session: Session) => Promise<unknown>;
}) {
  const ending = useChange(end);
  return (
    <ItemList query={query} empty={t("ui.noSession")}>
      {(session) => (
        <ListItem
          key={session.id}
          name={
            <span className="row">
              <strong title={session.user_agent}>
                <bdi>{browserName(session.user_agent)}</bdi>
              </strong>
              {session.current ? <Tag>{t("ui.thisSession")}</Tag> : null}
            </span>
          }
          facts={
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
          }
          action={
            session.current ? null : (
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
            )
          }
        />
      )}
    </ItemList>
  );
}
