import { COMMAND_LINE_HOURS_DEFAULT } from "@countersign/protocol";
import { Button, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import {
  approveDeviceSignIn,
  type DeviceSignIn,
  denyDeviceSignIn,
  lookAtDeviceSignIn,
} from "../../api/command-lines.ts";
import { useMe } from "../../api/me.ts";
import type { NewGrant } from "../../api/operators.ts";
import { useChange } from "../../api/queries.ts";
import { fieldProblem } from "../../forms/form-dialog.tsx";
import { focusFirstField } from "../../ui/focus-first-field.ts";
import { Page, Section } from "../../ui/page.tsx";
import { Note, Problem } from "../../ui/problem.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { Segments } from "../../ui/segments.tsx";
import { GrantFields } from "../operators/grant-fields.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** What the operator decided, or `undefined` while nothing is. */
type Decision = "approved" | "denied" | undefined;

/**
 * Signs a command line in (RFC 8628). The operator types the code, so that a link from a stranger isn't enough; the address of this page
 * never holds it.
 */
export default function DevicePage() {
  const [code, setCode] = useState("");
  const [decision, setDecision] = useState<Decision>();
  const looking = useChange(lookAtDeviceSignIn);
  const problem = fieldProblem(looking.error, "user_code");

  function submit(event: FormEvent): void {
    event.preventDefault();
    setDecision(undefined);
    if (code.trim() !== "") looking.mutate(code.trim());
  }

  function decide(next: Decision): void {
    setDecision(next);
    setCode("");
    looking.reset();
  }

  return (
    <Page title={t("device.title")} about={<T id="device.about" values={{ code: (words) => <code>{words}</code> }} />}>
      <div aria-live="polite">
        {decision === undefined ? null : (
          <Note kind={decision === "approved" ? "good" : "info"}>
            {decision === "approved" ? t("device.approved") : t("device.denied")}
          </Note>
        )}
      </div>
      {looking.data === undefined ? (
        <form ref={focusFirstField} className="card card-inside stack" onSubmit={submit}>
          <TextInput
            label={t("device.code")}
            description={t("device.codeHint")}
            placeholder={t("device.codeExample")}
            autoComplete="off"
            autoCapitalize="characters"
            spellCheck={false}
            maxLength={100}
            value={code}
            error={problem}
            onChange={(event) => setCode(event.currentTarget.value)}
          />
          {looking.error === null || problem !== undefined ? null : <Problem error={looking.error} />}
          <div className="row">
            <Button type="submit" loading={looking.isPending} disabled={code.trim() === ""}>
              {t("device.continue")}
            </Button>
          </div>
        </form>
      ) : (
        <Approval code={code.trim()} signIn={looking.data} onDecided={decide} />
      )}
    </Page>
  );
}

/** What an operator of an identity provider can choose, and what others can besides. */
const FEDERATED_LIVES = [
  ["1", t("device.hours", { hours: 1 })],
  [String(COMMAND_LINE_HOURS_DEFAULT), t("device.hours", { hours: COMMAND_LINE_HOURS_DEFAULT })],
] as const;
const LIVES = [
  ...FEDERATED_LIVES,
  ["168", t("common.days", { days: 7 })],
  ["720", t("common.days", { days: 30 })],
] as const;

/** Who asks, what they would be able to do, and the decision. */
function Approval({
  code,
  signIn,
  onDecided,
}: {
  readonly code: string;
  readonly signIn: DeviceSignIn;
  readonly onDecided: (decision: Decision) => void;
}) {
  const me = useMe();
  const [grant, setGrant] = useState<NewGrant>({ role: "viewer", account: me.account });
  const [hours, setHours] = useState<(typeof LIVES)[number][0]>(String(COMMAND_LINE_HOURS_DEFAULT));
  const approving = useChange(
    () => approveDeviceSignIn(code, { ...grant, life_seconds: Number(hours) * 3600 }),
    () => onDecided("approved"),
  );
  const denying = useChange(
    () => denyDeviceSignIn(code),
    () => onDecided("denied"),
  );
  const error = approving.error ?? denying.error;
  const accountError = fieldProblem(error, "account");
  return (
    <Section title={t("device.whoAsks")}>
      <div className="card card-inside stack">
        <dl className="facts">
          <dt>{t("device.machine")}</dt>
          <dd>
            <T id="device.machineUnverified" values={{ hostName: <bdi>{signIn.host_name}</bdi> }} />
          </dd>
          <dt>{t("device.address")}</dt>
          <dd>
            <bdi>{signIn.address}</bdi>
          </dd>
          <dt>{t("device.asked")}</dt>
          <dd>
            <RelativeTime at={signIn.created_at} />
          </dd>
          <dt>{t("device.code")}</dt>
          <dd>
            <code>{code.toUpperCase()}</code>
          </dd>
        </dl>
        <Note kind="warning">{t("device.warning")}</Note>
        <GrantFields {...grant} onChange={setGrant} accountError={accountError} />
        <div>
          <Segments
            label={t("device.life")}
            value={hours}
            onChange={setHours}
            options={me.operator?.single_sign_on === true ? FEDERATED_LIVES : LIVES}
          />
        </div>
        {error === null || accountError !== undefined ? null : <Problem error={error} />}
        <div className="row">
          <Button loading={approving.isPending} onClick={() => approving.mutate()}>
            {t("device.approve")}
          </Button>
          <Button variant="default" loading={denying.isPending} onClick={() => denying.mutate()}>
            {t("device.deny")}
          </Button>
        </div>
      </div>
    </Section>
  );
}
