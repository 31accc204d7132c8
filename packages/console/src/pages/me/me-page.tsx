import { Button, PasswordInput, TextInput, useMantineColorScheme } from "@mantine/core";
import { PASSWORD_CHARACTERS_MIN, RECOVERY_CODES } from "@countersign/protocol";
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { ApiError } from "../../api/api-error.ts";
import { useMe } from "../../api/me.ts";
import {
  addMyPasskey,
  changeMyPassword,
  endMyOtherSessions,
  endMySession,
  type Passkey,
  removeMyPasskey,
  renewMyRecoveryCodes,
  useMyPasskeys,
  useMySessions,
} from "../../api/operators.ts";
import { passkeyProblem, useSignInOptions } from "../../api/sign-in.ts";
import { Confirm } from "../../ui/confirm.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Bone, Page, Section } from "../../ui/page.tsx";
import { Note, Problem } from "../../ui/problem.tsx";
import { passwordLength } from "../../text/password-length.ts";
import { RecoveryCodes } from "../../ui/recovery-codes.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { Segments } from "../../ui/segments.tsx";
import { SessionList } from "../../ui/session-list.tsx";
import { tell, tellProblem } from "../../ui/tell.tsx";

type Opened =
  | { readonly what: "add-passkey" | "password" | "renew" }
  | { readonly what: "remove-passkey"; readonly passkey: Passkey }
  | { readonly what: "codes"; readonly codes: readonly string[] };

/** How one signs in, and where one is signed in. */
export default function MePage() {
  const me = useMe();
  const queries = useQueryClient();
  const { data: options } = useSignInOptions();
  const passkeys = useMyPasskeys();
  const sessions = useMySessions();
  const [opened, setOpened] = useState<Opened>();
  const [isEndingOthers, setIsEndingOthers] = useState(false);
  // Otherwise a <style> would switch transitions off for a moment, which the Content-Security-Policy forbids.
  const { colorScheme, setColorScheme } = useMantineColorScheme({ keepTransitions: true });
  const close = () => setOpened(undefined);
  const refresh = () =>
    Promise.all(["me", "my passkeys", "my sessions"].map((first) => queries.invalidateQueries({ queryKey: [first] })));
  const { operator } = me;
  if (operator === null) {
    return (
      <Page title="Your sign-in">
        <Note>You came with an admin token, which has no sign-in of its own.</Note>
      </Page>
    );
  }
  const otherSessions = (sessions.data?.items ?? []).filter(({ current }) => !current).length;

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
            ? "You have no recovery code left: if you lose your passkey and password, only an owner can let you in again."
            : `You have ${operator.recovery_codes} recovery code${operator.recovery_codes === 1 ? "" : "s"} left.`}{" "}
          Make new ones below.
        </Note>
      ) : null}
      <Section
        title="Passkeys"
        about="They can't be guessed, phished or reused."
        actions={
          options?.passkeys === false ? undefined : (
            <Button
              variant="default"
              leftSection={<Icon name="plus" />}
              onClick={() => setOpened({ what: "add-passkey" })}
            >
              Add a passkey
            </Button>
          )
        }
      >
        <div className="card">
          {passkeys.error !== null && passkeys.data === undefined ? (
            <div className="card-inside">
              <Problem error={passkeys.error} retry={() => void passkeys.refetch()} />
            </div>
          ) : (
            <ul className="list">
              {passkeys.data === undefined ? (
                <li className="list-item">
                  <Bone width="40%" height={36} />
                </li>
              ) : null}
              {passkeys.data?.items.length === 0 ? (
                <li className="list-item faint">
                  {options?.passkeys === false
                    ? "None. Passkeys don't work at this address: they need a host name, such as localhost."
                    : "None yet. Add one, and you won't need your password."}
                </li>
              ) : null}
              {passkeys.data?.items.map((passkey) => (
                <li key={passkey.id} className="list-item">
                  <div className="list-words">
                    <strong>
                      <bdi>{passkey.label}</bdi>
                    </strong>
                    <span className="faint">
                      added <RelativeTime at={passkey.created_at} /> ·{" "}
                      {passkey.last_used_at === null ? "never used" : "last used "}
                      {passkey.last_used_at === null ? null : <RelativeTime at={passkey.last_used_at} />}
                    </span>
                  </div>
                  <Button
                    size="xs"
                    variant="default"
                    aria-label={`Remove the passkey ${passkey.label}`}
                    onClick={() => setOpened({ what: "remove-passkey", passkey })}
                  >
                    Remove
                  </Button>
                </li>
              ))}
            </ul>
          )}
        </div>
      </Section>
      <Section title="Password and recovery codes">
        <div className="card">
          <ul className="list">
            <li className="list-item">
              <div className="list-words">
                <strong>Password</strong>
                <span className="faint">{operator.has_password ? "Set." : "None: you sign in otherwise."}</span>
              </div>
              <Button size="xs" variant="default" onClick={() => setOpened({ what: "password" })}>
                {operator.has_password ? "Change password" : "Set a password"}
              </Button>
            </li>
            <li className="list-item">
              <div className="list-words">
                <strong>Recovery codes</strong>
                <span className="faint">
                  {operator.recovery_codes} of {RECOVERY_CODES} left. Each lets you in once.
                </span>
              </div>
              <Button size="xs" variant="default" onClick={() => setOpened({ what: "renew" })}>
                Make new codes
              </Button>
            </li>
          </ul>
        </div>
      </Section>
      <Section
        title="Sessions"
        about="Where you are signed in. End what you don't recognise, and change your password."
        actions={
          otherSessions === 0 ? undefined : (
            <Button
              variant="default"
              loading={isEndingOthers}
              onClick={() => {
                setIsEndingOthers(true);
                endMyOtherSessions()
                  .then(() => {
                    tell("Ended all other sessions.");
                    return refresh();
                  })
                  .catch(tellProblem)
                  .finally(() => setIsEndingOthers(false));
              }}
            >
              End all others
            </Button>
          )
        }
      >
        <div className="card">
          <SessionList
            query={sessions}
            end={async ({ id }) => {
              await endMySession(id);
              await sessions.refetch();
            }}
          />
        </div>
      </Section>
      <Section title="Colours" about="In this browser.">
        <div>
          <Segments
            label="Colours"
            value={colorScheme}
            onChange={setColorScheme}
            options={[
              ["auto", "As the system"],
              ["light", "Light"],
              ["dark", "Dark"],
            ]}
          />
        </div>
      </Section>
      {opened?.what === "add-passkey" ? <AddPasskeyDialog onClose={close} onAdded={() => void refresh()} /> : null}
      {opened?.what === "password" ? (
        <PasswordDialog hasPassword={operator.has_password} onClose={close} onChanged={() => void refresh()} />
      ) : null}
      {opened?.what === "remove-passkey" ? (
        <Confirm
          title={
            <>
              Remove the passkey <bdi>{opened.passkey.label}</bdi>?
            </>
          }
          button="Remove"
          run={async () => {
            await removeMyPasskey(opened.passkey.id);
            await refresh();
            tell("Removed the passkey.");
          }}
          onClose={close}
        >
          <p>It doesn't let anybody in any more. Your device may go on offering it until you delete it there, too.</p>
        </Confirm>
      ) : null}
      {opened?.what === "renew" ? (
        <Confirm
          title="Make new recovery codes?"
          button="Make new codes"
          isDangerous={false}
          run={renewMyRecoveryCodes}
          onDone={(codes) => setOpened({ what: "codes", codes })}
          onClose={close}
        >
          <p>Those that you have now are void from then on.</p>
        </Confirm>
      ) : null}
      {opened?.what === "codes" ? (
        <Dialog title="Store your recovery codes" onClose={close} isClosable={false}>
          <RecoveryCodes
            codes={opened.codes}
            next="Done"
            onStored={() => {
              close();
              void refresh();
            }}
          />
        </Dialog>
      ) : null}
    </Page>
  );
}

function AddPasskeyDialog({ onClose, onAdded }: { readonly onClose: () => void; readonly onAdded: () => void }) {
  const [label, setLabel] = useState("");
  const [isRunning, setIsRunning] = useState(false);
  const [error, setError] = useState<Error>();

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    setIsRunning(true);
    setError(undefined);
    try {
      await addMyPasskey(label.trim() === "" ? undefined : label.trim());
      onAdded();
      tell("Added the passkey.");
      onClose();
    } catch (problem) {
      setError(problem instanceof ApiError ? problem : passkeyProblem(problem));
    } finally {
      setIsRunning(false);
    }
  }

  return (
    <Dialog title="Add a passkey" onClose={onClose}>
      <form className="stack" onSubmit={(event) => void submit(event)}>
        {error === undefined ? null : <Problem error={error} />}
        <TextInput
          label="Label"
          description="So that you recognise it: the device, or where the passkey is kept. Optional."
          placeholder="Laptop"
          data-autofocus
          maxLength={200}
          value={label}
          onChange={(event) => setLabel(event.currentTarget.value)}
        />
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={isRunning} leftSection={<Icon name="passkey" />}>
            Create the passkey
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function PasswordDialog({
  hasPassword,
  onClose,
  onChanged,
}: {
  readonly hasPassword: boolean;
  readonly onClose: () => void;
  readonly onChanged: () => void;
}) {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [isRunning, setIsRunning] = useState(false);
  const [error, setError] = useState<Error>();
  const characters = passwordLength(next);
  const isShort = next !== "" && characters < PASSWORD_CHARACTERS_MIN;
  const refusal = error instanceof ApiError ? error : undefined;
  const currentProblem = refusal?.fieldMessage("current_password");
  const nextProblem = refusal?.fieldMessage("new_password");

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    if (characters < PASSWORD_CHARACTERS_MIN) return;
    setIsRunning(true);
    setError(undefined);
    try {
      await changeMyPassword(next, hasPassword ? current : undefined);
      onChanged();
      tell("Set the new password; other sessions were ended.");
      onClose();
    } catch (problem) {
      setError(problem as Error);
    } finally {
      setIsRunning(false);
    }
  }

  return (
    <Dialog title={hasPassword ? "Change your password" : "Set a password"} onClose={onClose}>
      <form className="stack" onSubmit={(event) => void submit(event)}>
        {error === undefined || currentProblem !== undefined || nextProblem !== undefined ? null : (
          <Problem error={error} />
        )}
        {hasPassword ? (
          <PasswordInput
            label="Present password"
            autoComplete="current-password"
            required
            withAsterisk={false}
            data-autofocus
            value={current}
            error={currentProblem}
            aria-invalid={currentProblem !== undefined}
            onChange={(event) => setCurrent(event.currentTarget.value)}
            visibilityToggleButtonProps={{ "aria-label": "Show the present password" }}
          />
        ) : null}
        <PasswordInput
          label="New password"
          description={`At least ${PASSWORD_CHARACTERS_MIN} characters; a few words are good, and anything may be in it.`}
          autoComplete="new-password"
          required
          withAsterisk={false}
          value={next}
          error={isShort ? `${characters} of ${PASSWORD_CHARACTERS_MIN} characters` : nextProblem}
          aria-invalid={isShort || nextProblem !== undefined}
          onChange={(event) => setNext(event.currentTarget.value)}
          visibilityToggleButtonProps={{ "aria-label": "Show the new password" }}
        />
        <p className="faint">Your other sessions end with it.</p>
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={isRunning}>
            Set password
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
