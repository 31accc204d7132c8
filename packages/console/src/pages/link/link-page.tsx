import { Button, TextInput } from "@mantine/core";
import { PASSWORD_CHARACTERS_MIN } from "@countersign/protocol";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useEffect, useState } from "react";
import { useLocation } from "wouter";
import {
  acceptLink,
  type LinkPurpose,
  lookAtLink,
  makeLinkPasskey,
  passkeyProblem,
  useSignInOptions,
} from "../../api/sign-in.ts";
import { NewPasswordInput } from "../../forms/new-password-input.tsx";
import { Icon } from "../../ui/icon.tsx";
import { OutsidePage } from "../../ui/outside-page.tsx";
import { Bone } from "../../ui/page.tsx";
import { Note, Problem } from "../../ui/problem.tsx";
import { passwordLength } from "../../text/password-length.ts";
import { RecoveryCodes } from "../../ui/recovery-codes.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { onNextLink, takeLinkSecret } from "./take-link-secret.ts";

const TITLES = {
  setup: "Set up Countersign",
  invitation: "Welcome to Countersign",
  reset: "Reset your sign-in",
} as const satisfies Record<LinkPurpose["kind"], string>;

/** Uses a one-time link: set-up, invitation or reset. The secret stays in this page's memory. */
export default function LinkPage() {
  const [secret, setSecret] = useState(takeLinkSecret);
  useEffect(() => onNextLink(() => setSecret(takeLinkSecret())), []);
  const [codes, setCodes] = useState<readonly string[]>();
  const [, navigate] = useLocation();
  const { data, error, refetch } = useQuery({
    // By the secret, so that a second link in this tab isn't answered with what was found about the first.
    queryKey: ["link", secret],
    queryFn: () => lookAtLink(secret ?? ""),
    enabled: secret !== undefined,
    // This page uses the link up, so a second look would only report that.
    staleTime: "static",
  });

  if (codes !== undefined) {
    return (
      <OutsidePage
        title="Store your recovery codes"
        about="Each code signs you in once if you lose your passkey or password."
      >
        <RecoveryCodes codes={codes} next="Open the console" onStored={() => navigate("/", { replace: true })} />
      </OutsidePage>
    );
  }
  if (secret === undefined) {
    return (
      <OutsidePage title="One-time link" about="This page opens a link that works once.">
        <Note kind="warning">
          The link is incomplete: the part after the # is missing. Copy the whole link and open it again. If you
          reloaded this page, open the link again.
        </Note>
      </OutsidePage>
    );
  }
  if (error !== null) {
    return (
      <OutsidePage title="One-time link" about="This page opens a link that works once.">
        <div className="stack">
          <Problem error={error} retry={() => void refetch()} />
          <p className="soft">
            An owner can make a new link. <code>npx countersign operator invite</code> on the server prints one too.
          </p>
        </div>
      </OutsidePage>
    );
  }
  if (data === undefined) {
    return (
      <OutsidePage title="One-time link" about={<Bone width={220} />}>
        <Bone width="100%" height={180} />
      </OutsidePage>
    );
  }
  return (
    <OutsidePage title={TITLES[data.kind]} about={<Purpose purpose={data} />}>
      <Credentials key={secret} secret={secret} purpose={data} onDone={setCodes} />
    </OutsidePage>
  );
}

function Purpose({ purpose }: { readonly purpose: LinkPurpose }): ReactNode {
  const until = (
    <>
      {" "}
      The link works once and expires <RelativeTime at={purpose.expires_at} />.
    </>
  );
  if (purpose.kind === "setup") return <>You become the first owner, with full permissions.{until}</>;
  const who = <bdi>{purpose.email}</bdi>;
  if (purpose.kind === "reset") {
    return (
      <>
        A new passkey or password for {who}.{until}
      </>
    );
  }
  return (
    <>
      You are invited as {purpose.role}
      {purpose.account === null ? null : (
        <>
          {" "}
          of the account <bdi>{purpose.account}</bdi>
        </>
      )}
      , {who}.{until}
    </>
  );
}

function Credentials({
  secret,
  purpose,
  onDone,
}: {
  readonly secret: string;
  readonly purpose: LinkPurpose;
  readonly onDone: (codes: readonly string[]) => void;
}) {
  const { data: options } = useSignInOptions();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [hasChosenPassword, setHasChosenPassword] = useState(false);
  const [isRunning, setIsRunning] = useState(false);
  const [error, setError] = useState<Error>();
  const hasPasskeys = options?.passkeys ?? true;
  const isByPassword = hasChosenPassword || !hasPasskeys;

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    if (isByPassword && passwordLength(password) < PASSWORD_CHARACTERS_MIN) return;
    setIsRunning(true);
    setError(undefined);
    try {
      const who = purpose.kind === "setup" ? { email: email.trim() } : {};
      const means = isByPassword ? { password } : { passkey: await makeLinkPasskey(secret, who.email) };
      onDone(await acceptLink(secret, { ...who, ...means }));
    } catch (problem) {
      setError(isByPassword ? (problem as Error) : passkeyProblem(problem));
    } finally {
      setIsRunning(false);
    }
  }

  return (
    <form className="stack" onSubmit={(event) => void submit(event)}>
      {error === undefined ? null : <Problem error={error} />}
      {purpose.kind === "setup" ? (
        <TextInput
          label="Your e-mail address"
          description="You sign in with it, and the audit log shows it."
          type="email"
          name="email"
          autoComplete="username"
          required
          withAsterisk={false}
          data-autofocus
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
      ) : (
        // For password managers, which store the address with the password.
        <input type="hidden" name="email" autoComplete="username" value={purpose.email ?? ""} readOnly />
      )}
      {isByPassword ? (
        <NewPasswordInput label="Password" showLabel="Show the password" value={password} onChange={setPassword} />
      ) : null}
      <Button type="submit" fullWidth loading={isRunning} leftSection={isByPassword ? null : <Icon name="passkey" />}>
        {isByPassword ? "Set the password" : "Create a passkey"}
      </Button>
      {hasPasskeys ? (
        <button
          type="button"
          className="text-button"
          onClick={() => {
            setHasChosenPassword(!isByPassword);
            setError(undefined);
          }}
        >
          {isByPassword ? "Create a passkey instead" : "Use a password instead"}
        </button>
      ) : (
        <p className="faint">Passkeys don't work at this address: they need a host name such as localhost.</p>
      )}
    </form>
  );
}
