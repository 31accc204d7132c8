import { Button, useMantineColorScheme } from "@mantine/core";
import { useMe } from "../../api/me.ts";
import { endMyOtherSessions, endMySession, useMySessions } from "../../api/operators.ts";
import { useChange } from "../../api/queries.ts";
import { Page, Section } from "../../ui/page.tsx";
import { Note } from "../../ui/problem.tsx";
import { Segments } from "../../ui/segments.tsx";
import { SessionList } from "../../ui/session-list.tsx";
import { tell, tellProblem } from "../../ui/tell.tsx";
import { Passkeys } from "./passkeys.tsx";
import { PasswordAndCodes } from "./password-and-codes.tsx";

/** The signed-in operator's own credentials and sessions. */
export default function MePage() {
  const me = useMe();
  const { operator } = me;
  if (operator === null) {
    return (
      <Page title="Your sign-in">
        <Note>You are using an admin token, which has no sign-in of its own.</Note>
      </Page>
    );
  }
  return (
    <Page
      title="Your sign-in"
      about={
        <>
          <bdi>{operator.email}</bdi>, {me.role}
          {me.account === null ? "" : <> of the account </>}
          {me.account === null ? null : <bdi>{me.account}</bdi>}
        </>
      }
    >
      {operator.recovery_codes <= 2 ? (
        <Note kind="warning">
          {operator.recovery_codes === 0
            ? "You have no recovery codes left: if you lose your passkey and password, only an owner can restore your access."
            : `You have ${operator.recovery_codes} recovery code${operator.recovery_codes === 1 ? "" : "s"} left.`}{" "}
          Make new ones below.
        </Note>
      ) : null}
      <Passkeys />
      <PasswordAndCodes operator={operator} />
      <Sessions />
      <Colours />
    </Page>
  );
}

function Sessions() {
  const sessions = useMySessions();
  const ending = useChange(endMyOtherSessions, () => tell("Ended all other sessions."));
  const hasOthers = sessions.data?.items.some(({ current }) => !current) ?? false;
  return (
    <Section
      title="Sessions"
      about="Where you are signed in. If you don't recognise a session, end it and change your password."
      actions={
        hasOthers ? (
          <Button
            variant="default"
            loading={ending.isPending}
            onClick={() => ending.mutate(undefined, { onError: tellProblem })}
          >
            End all others
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
    <Section title="Colours" about="In this browser.">
      <div>
        <Segments
          label="Colours"
          value={colorScheme}
          onChange={setColorScheme}
          options={[
            ["auto", "System setting"],
            ["light", "Light"],
            ["dark", "Dark"],
          ]}
        />
      </div>
    </Section>
  );
}
