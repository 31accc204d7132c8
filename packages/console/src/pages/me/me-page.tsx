import { Button, useMantineColorScheme } from "@mantine/core";
import { useMe } from "../../api/me.ts";
import { endMyOtherSessions, endMySession, useMySessions } from "../../api/operators.ts";
import { useChange } from "../../api/queries.ts";
import { Page, Section } from "../../ui/page.tsx";
import { Note } from "../../ui/problem.tsx";
import { Segments } from "../../ui/segments.tsx";
import { SessionList } from "../../ui/session-list.tsx";
import { tell, tellProblem } from "../../ui/tell.tsx";
import { CommandLines } from "./command-lines.tsx";
import { Passkeys } from "./passkeys.tsx";
import { PasswordAndCodes } from "./password-and-codes.tsx";
import { roleName } from "../../text/role-name.ts";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** The signed-in operator's own credentials and sessions. */
export default function MePage() {
  const me = useMe();
  const { operator } = me;
  if (operator === null) {
    return (
      <Page title={t("common.yourSignIn")}>
        <Note>{t("me.usingAdminToken")}</Note>
      </Page>
    );
  }
  return (
    <Page
      title={t("common.yourSignIn")}
      about={
        me.account === null ? (
          <T id="me.who" values={{ email: <bdi>{operator.email}</bdi>, role: roleName(me.role) }} />
        ) : (
          <T
            id="me.whoOfAccount"
            values={{ email: <bdi>{operator.email}</bdi>, role: roleName(me.role), account: <bdi>{me.account}</bdi> }}
          />
        )
      }
    >
      {operator.recovery_codes <= 2 ? (
        <Note kind="warning">{t("me.recoveryCodesLeft", { count: operator.recovery_codes })}</Note>
      ) : null}
      <Passkeys />
      <PasswordAndCodes operator={operator} />
      <Sessions />
      <CommandLines />
      <Colours />
    </Page>
  );
}

function Sessions() {
  const sessions = useMySessions();
  const ending = useChange(endMyOtherSessions, () => tell(t("me.endedOthers")));
  const hasOthers = sessions.data?.items.some(({ current }) => !current) ?? false;
  return (
    <Section
      title={t("me.sessions")}
      about={t("me.sessionsAbout")}
      actions={
        hasOthers ? (
          <Button
            variant="default"
            loading={ending.isPending}
            onClick={() => ending.mutate(undefined, { onError: tellProblem })}
          >
            {t("me.endAllOthers")}
          </Button>
        ) : undefined
      }
    >
      <div className="card">
        <SessionList query={sessions} end={({ id }) => endMySession(id)} />
      </div>
    </Section>
  );
}

function Colours() {
  // Without it, Mantine would disable transitions by a <style>, which the Content-Security-Policy forbids.
  const { colorScheme, setColorScheme } = useMantineColorScheme({ keepTransitions: true });
  return (
    <Section title={t("common.colours")} about={t("me.inThisBrowser")}>
      <div>
        <Segments
          label={t("common.colours")}
          value={colorScheme}
          onChange={setColorScheme}
          options={[
            ["auto", t("shell.systemSetting")],
            ["light", t("shell.light")],
            ["dark", t("shell.dark")],
          ]}
        />
      </div>
    </Section>
  );
}
