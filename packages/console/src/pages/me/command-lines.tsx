import { Button } from "@mantine/core";
import { Link } from "wouter";
import { type CommandLine, signOutMyCommandLine, useMyCommandLines } from "../../api/command-lines.ts";
import { useChange } from "../../api/queries.ts";
import { Bone, Section } from "../../ui/page.tsx";
import { Problem } from "../../ui/problem.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { tellProblem } from "../../ui/tell.tsx";
import { roleName } from "../../text/role-name.ts";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";
import "../../ui/list.css";

/** The command lines that the operator signed in. */
export function CommandLines() {
  const { data, error, refetch } = useMyCommandLines();
  const signingOut = useChange(({ id }: CommandLine) => signOutMyCommandLine(id));
  return (
    <Section
      title={t("me.commandLines")}
      about={<T id="me.commandLinesAbout" values={{ page: (words) => <Link href="/device">{words}</Link> }} />}
    >
      <div className="card">
        {error !== null && data === undefined ? (
          <div className="card-inside">
            <Problem error={error} retry={() => void refetch()} />
          </div>
        ) : (
          <ul className="list" aria-busy={data === undefined}>
            {data === undefined ? (
              <li className="list-item">
                <Bone width="60%" height={36} />
              </li>
            ) : null}
            {data?.items.length === 0 ? <li className="list-item faint">{t("me.noCommandLine")}</li> : null}
            {data?.items.map((commandLine) => (
              <li key={commandLine.id} className="list-item">
                <div className="list-words">
                  <strong>
                    <bdi>{commandLine.host_name}</bdi>
                  </strong>
                  <span className="faint">
                    <T
                      id="me.commandLineFacts"
                      values={{
                        role: roleName(commandLine.role),
                        createdAt: <RelativeTime at={commandLine.created_at} />,
                        expiresAt: <RelativeTime at={commandLine.expires_at} />,
                      }}
                    />
                  </span>
                </div>
                <Button
                  size="xs"
                  variant="default"
                  loading={signingOut.isPending && signingOut.variables === commandLine}
                  aria-label={t("me.signOutNamed", { hostName: commandLine.host_name })}
                  onClick={() => signingOut.mutate(commandLine, { onError: tellProblem })}
                >
                  {t("me.signOutCommandLine")}
                </Button>
              </li>
            ))}
          </ul>
        )}
      </div>
    </Section>
  );
}
