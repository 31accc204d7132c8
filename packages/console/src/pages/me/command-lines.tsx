import { Button } from "@mantine/core";
import { Link } from "wouter";
import { type CommandLine, signOutMyCommandLine, useMyCommandLines } from "../../api/command-lines.ts";
import { useChange } from "../../api/queries.ts";
import { ItemList, ListItem } from "../../ui/item-list.tsx";
import { Section } from "../../ui/page.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { tellProblem } from "../../ui/tell.tsx";
import { roleName } from "../../text/role-name.ts";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** The command lines that the operator signed in. */
export function CommandLines() {
  const query = useMyCommandLines();
  const signingOut = useChange(({ id }: CommandLine) => signOutMyCommandLine(id));
  return (
    <Section
      title={t("me.commandLines")}
      about={<T id="me.commandLinesAbout" values={{ page: (words) => <Link href="/device">{words}</Link> }} />}
    >
      <div className="card">
        <ItemList query={query} empty={t("me.noCommandLine")}>
          {(commandLine) => (
            <ListItem
              key={commandLine.id}
              name={
                <strong>
                  <bdi>{commandLine.host_name}</bdi>
                </strong>
              }
              facts={
                <T
                  id="me.commandLineFacts"
                  values={{
                    role: roleName(commandLine.role),
                    createdAt: <RelativeTime at={commandLine.created_at} />,
                    expiresAt: <RelativeTime at={commandLine.expires_at} />,
                  }}
                />
              }
              action={
                <Button
                  size="xs"
                  variant="default"
                  loading={signingOut.isPending && signingOut.variables === commandLine}
                  aria-label={t("me.signOutNamed", { hostName: commandLine.host_name })}
                  onClick={() => signingOut.mutate(commandLine, { onError: tellProblem })}
                >
                  {t("me.signOutCommandLine")}
                </Button>
              }
            />
          )}
        </ItemList>
      </div>
    </Section>
  );
}
