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
import { focusFirstField } from "../../ui/focus-first-field.ts";
import { Icon } from "../../ui/icon.tsx";
import { OutsidePage } from "../../ui/outside-page.tsx";
import { Bone } from "../../ui/page.tsx";
import { Note, Problem } from "../../ui/problem.tsx";
import { passwordLength } from "../../text/password-length.ts";
import { RecoveryCodes } from "../../ui/recovery-codes.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { onNextLink, takeLinkSecret } from "./take-link-secret.ts";
import { roleName } from "../../text/role-name.ts";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

const TITLES = {
  setup: t("link.setUpTitle"),
  invitation: t("link.invitationTitle"),
  reset: t("link.resetTitle"),
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
      <OutsidePage title={t("common.storeYourRecoveryCodes")} about={t("link.recoveryCodesAbout")}>
        <RecoveryCodes codes={codes} next={t("link.openConsole")} onStored={() => navigate("/", { replace: true })} />
      </OutsidePage>
    );
  }
  if (secret === undefined) {
    return (
      <OutsidePage title={t("link.oneTimeLink")} about={t("link.about")}>
        <Note kind="warning">{t("link.incomplete")}</Note>
      </OutsidePage>
    );
  }
  if (error !== null) {
    return (
      <OutsidePage title={t("link.oneTimeLink")} about={t("link.about")}>
        <div className="stack">
          <Problem error={error} retry={() => void refetch()} />
          <p className="soft">
            <T id="link.newLinkHint" values={{ code: (words) => <code>{words}</code> }} />
          </p>
        </div>
      </OutsidePage>
    );
  }
  if (data === undefined) {
    return (
      <OutsidePage title={t("link.oneTimeLink")} about={<Bone width={220} />}>
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
  const until = <T id="link.worksOnce" values={{ expiresAt: <RelativeTime at={purpose.expires_at} /> }} />;
  if (purpose.kind === "setup") return <T id="link.firstOwner" values={{ until }} />;
  const who = <bdi>{purpose.email}</bdi>;
  if (purpose.kind === "reset") {
    return <T id="link.resetAbout" values={{ who, until }} />;
  }
  const { role, account } = purpose;
  return account === null ? (
    <T id="link.invitedAs" values={{ role: roleName(role), who, until }} />
  ) : (
    <T id="link.invitedToAccount" values={{ role: roleName(role), account: <bdi>{account}</bdi>, who, until }} />
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
    <form ref={focusFirstField} className="stack" onSubmit={(event) => void submit(event)}>
      {error === undefined ? null : <Problem error={error} />}
      {purpose.kind === "setup" ? (
        <TextInput
          label={t("link.emailAddress")}
          description={t("link.emailHint")}
          type="email"
          name="email"
          autoComplete="username"
          required
          withAsterisk={false}
          value={email}
          onChange={(event) => setEmail(event.currentTarget.value)}
        />
      ) : (
        <input type="hidden" name="email" autoComplete="username" value={purpose.email ?? ""} readOnly />
      )}
      {isByPassword ? (
        <NewPasswordInput
          label={t("common.password")}
          showLabel={t("session.showThePassword")}
          value={password}
          onChange={setPassword}
        />
      ) : null}
      <Button type="submit" fullWidth loading={isRunning} leftSection={isByPassword ? null : <Icon name="passkey" />}>
        {isByPassword ? t("link.setThePassword") : t("link.createAPasskey")}
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
          {isByPassword ? t("link.createAPasskeyInstead") : t("link.useAPasswordInstead")}
        </button>
      ) : (
        <p className="faint">{t("link.noPasskeysHere")}</p>
      )}
    </form>
  );
}
