import { Button, PasswordInput, TextInput } from "@mantine/core";
import { browserSupportsWebAuthnAutofill } from "@simplewebauthn/browser";
import { type FormEvent, useEffect, useRef, useState } from "react";
import type { Me } from "../api/me.ts";
import {
  passkeyProblem,
  signInByPassword,
  signInByPasskey,
  signInByRecoveryCode,
  useSignInOptions,
} from "../api/sign-in.ts";
import { Icon } from "../ui/icon.tsx";
import { focusFirstField } from "../ui/focus-first-field.ts";
import { Bone } from "../ui/page.tsx";
import { Note, Problem } from "../ui/problem.tsx";
import { t } from "../text/t.ts";
import { T } from "../ui/t.tsx";
import "./sign-in-form.css";

/** The available sign-in methods: a passkey, single sign-on, a password or a recovery code. */
export default function SignInForm({
  onSignedIn,
  returnTo,
  isFresh = false,
}: {
  readonly onSignedIn: (me: Me) => void;
  /** The console path to return to after single sign-on, which leaves the page. */
  readonly returnTo: string;
  /** Whether the identity provider must ask for credentials again. */
  readonly isFresh?: boolean;
}) {
  const { data: options, error: optionsError, refetch } = useSignInOptions();
  const [method, setMethod] = useState<"password" | "recovery">("password");
  const [email, setEmail] = useState("");
  const [secret, setSecret] = useState("");
  const [running, setRunning] = useState<"passkey" | "form">();
  const [error, setError] = useState<Error>();
  const signedIn = useRef(onSignedIn);
  useEffect(() => {
    signedIn.current = onSignedIn;
  });

  const hasClicked = useRef(false);

  const hasPasskeys = options?.passkeys === true;
  // The browser offers passkeys in the e-mail field, next to saved passwords.
  useEffect(() => {
    if (!hasPasskeys) return;
    let isGone = false;
    void (async () => {
      if (!(await browserSupportsWebAuthnAutofill()) || isGone) return;
      try {
        const me = await signInByPasskey({ isAutofill: true, isWanted: () => !isGone && !hasClicked.current });
        if (!isGone) signedIn.current(me);
      } catch {
        // The operator clicked nothing, so there is nothing to explain; the button shows errors.
      }
    })();
    return () => {
      isGone = true;
    };
  }, [hasPasskeys]);

  async function run(what: "passkey" | "form", signIn: () => Promise<Me>): Promise<void> {
    if (what === "passkey") hasClicked.current = true;
    setRunning(what);
    setError(undefined);
    try {
      onSignedIn(await signIn());
    } catch (problem) {
      setError(what === "passkey" ? passkeyProblem(problem) : (problem as Error));
    } finally {
      setRunning(undefined);
    }
  }

  function submit(event: FormEvent): void {
    event.preventDefault();
    void run("form", () =>
      method === "password" ? signInByPassword(email, secret) : signInByRecoveryCode(email, secret.trim()),
    );
  }

  if (optionsError !== null) return <Problem error={optionsError} retry={() => void refetch()} />;
  if (options?.setup_needed === true) {
    return (
      <div className="stack">
        <Note>{t("session.noOperatorYet")}</Note>
        <Button variant="default" onClick={() => void refetch()}>
          {t("common.checkAgain")}
        </Button>
      </div>
    );
  }
  return (
    <div className="stack">
      {error === undefined ? null : <Problem error={error} />}
      {options === undefined ? <Bone width="100%" height={34} /> : null}
      {hasPasskeys ? (
        <Button
          fullWidth
          leftSection={<Icon name="passkey" />}
          loading={running === "passkey"}
          onClick={() => void run("passkey", () => signInByPasskey())}
        >
          {t("session.signInWithPasskey")}
        </Button>
      ) : null}
      {options?.single_sign_on ? (
        <Button
          component="a"
          fullWidth
          variant="default"
          href={`/api/admin/v1/sign-in/single-sign-on?return_to=${encodeURIComponent(returnTo)}${isFresh ? "&fresh=true" : ""}`}
        >
          <span>
            <T id="session.signInWithProvider" values={{ name: <bdi>{options.single_sign_on.name}</bdi> }} />
          </span>
        </Button>
      ) : null}
      {options?.single_sign_on && isFresh ? <p className="soft">{t("session.singleSignOnLeaves")}</p> : null}
      <div className="or">
        <span>{t("session.or")}</span>
      </div>
      <form ref={focusFirstField} className="stack" onSubmit={submit}>
        <TextInput
          label={t("common.emailAddress")}
          type="email"
          name="email"
          autoComplete="username webauthn"
          required
          withAsterisk={false}
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
        {method === "password" ? (
          <PasswordInput
            label={t("common.password")}
            name="password"
            autoComplete="current-password"
            required
            withAsterisk={false}
            value={secret}
            onChange={(event) => setSecret(event.currentTarget.value)}
            visibilityToggleButtonProps={{ "aria-label": t("session.showThePassword") }}
          />
        ) : (
          <TextInput
            label={t("session.recoveryCode")}
            name="recovery-code"
            description={t("session.recoveryCodeHint")}
            autoComplete="off"
            spellCheck={false}
            required
            withAsterisk={false}
            value={secret}
            onChange={(event) => setSecret(event.currentTarget.value)}
          />
        )}
        <Button type="submit" variant={hasPasskeys ? "default" : "filled"} fullWidth loading={running === "form"}>
          {t("session.signIn")}
        </Button>
      </form>
      <button
        type="button"
        className="text-button"
        onClick={() => {
          setMethod(method === "password" ? "recovery" : "password");
          setSecret("");
          setError(undefined);
        }}
      >
        {method === "password" ? t("session.useRecoveryCode") : t("session.usePassword")}
      </button>
    </div>
  );
}
