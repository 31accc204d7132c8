import { findCredential, foundKind, inactiveReason } from "@countersign/protocol";
import { Button, Textarea } from "@mantine/core";
import { type FormEvent, type ReactNode, useEffect, useState } from "react";
import { Link } from "wouter";
import { checkToken, type Explanation, explainAssertion, type TokenReport } from "../../api/service.ts";
import { useChange } from "../../api/queries.ts";
import { type Given, giveToExplain, onGiven, takeGiven } from "../../forms/pasted-credential.ts";
import { focusFirstField } from "../../ui/focus-first-field.ts";
import { Icon } from "../../ui/icon.tsx";
import { Page } from "../../ui/page.tsx";
import { Problem } from "../../ui/problem.tsx";
import { RelativeTime } from "../../ui/relative-time.tsx";
import { Segments } from "../../ui/segments.tsx";
import { AccessBadge } from "../../ui/status-badge.tsx";
import { ServerText } from "../../ui/server-text.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";
import "./explain-page.css";

/** Explains why an assertion or a token is accepted or refused. Both are credentials: pasted text stays in this page's memory. */
export default function ExplainPage() {
  const [given, setGiven] = useState(takeGiven);
  useEffect(() => onGiven(() => setGiven(takeGiven())), []);
  return <Questions key={given?.number ?? 0} given={given} />;
}

/** @param given explained at once */
function Questions({ given }: { readonly given: Given | undefined }) {
  const [what, setWhat] = useState(given?.kind ?? "assertion");
  const textOf = (kind: Given["kind"]) => (given?.kind === kind ? given.text : "");
  return (
    <Page title={t("explain.explain")} about={t("explain.about")}>
      <Segments
        label={t("explain.whatToExplain")}
        value={what}
        onChange={setWhat}
        options={[
          ["assertion", t("explain.anAssertion")],
          ["token", t("explain.aToken")],
        ]}
      />
      {what === "assertion" ? (
        <Ask
          key="assertion"
          kind="assertion"
          label={t("explain.assertion")}
          given={textOf("assertion")}
          description={t("explain.assertionHint")}
          placeholder="Authorization: JWT eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9…"
          button={t("explain.explain")}
          ask={explainAssertion}
          show={(explanation) => <Steps explanation={explanation} />}
        />
      ) : (
        <Ask
          key="token"
          kind="token"
          label={t("explain.token")}
          given={textOf("token")}
          description={t("explain.tokenHint")}
          placeholder="1.lM45vLVwAc5YUD5dAw.XATBdkXQI3Bf7_043j88ScWrzfkzvWcUGRknzkEK7fU"
          button={t("explain.check")}
          ask={checkToken}
          show={(report) => <Report report={report} />}
        />
      )}
    </Page>
  );
}

function Ask<Answer>({
  kind,
  label,
  given,
  description,
  placeholder,
  button,
  ask,
  show,
}: {
  readonly kind: Given["kind"];
  readonly label: string;
  /** Asked about at once, unless it is empty. */
  readonly given: string;
  readonly description: string;
  readonly placeholder: string;
  readonly button: string;
  readonly ask: (text: string) => Promise<Answer>;
  readonly show: (answer: Answer) => ReactNode;
}) {
  const [text, setText] = useState(given);
  // As a change, because nothing keeps its input or result.
  const asking = useChange(ask);
  const { mutate } = asking;
  useEffect(() => {
    if (given !== "") mutate(given);
  }, [given, mutate]);

  function submit(event: FormEvent): void {
    event.preventDefault();
    if (text.trim() === "") return;
    const found = findCredential(text);
    // As an assertion, a token would be called malformed, and the other way round.
    if (found.kind !== kind && foundKind(found) !== undefined) giveToExplain(found);
    else asking.mutate(text.trim());
  }

  return (
    <>
      <form
        // Where there is an answer to read, the focus stays with the page.
        ref={given === "" ? focusFirstField : null}
        className="card card-inside stack"
        onSubmit={submit}
      >
        <Textarea
          label={label}
          description={description}
          placeholder={placeholder}
          className="explain-text"
          rows={5}
          spellCheck={false}
          autoComplete="off"
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event);
          }}
        />
        <div className="row">
          <Button type="submit" loading={asking.isPending} disabled={text.trim() === ""}>
            {button}
          </Button>
          {text === "" ? null : (
            <Button
              variant="subtle"
              color="gray"
              onClick={() => {
                setText("");
                asking.reset();
              }}
            >
              {t("explain.clear")}
            </Button>
          )}
        </div>
      </form>
      <div aria-live="polite">
        {asking.error !== null ? <Problem error={asking.error} retry={() => asking.mutate(text.trim())} /> : null}
        {asking.data === undefined ? null : show(asking.data)}
      </div>
    </>
  );
}

const OUTCOMES = {
  passed: { icon: "check", word: t("explain.stepPassed") },
  refused: { icon: "cross", word: t("explain.stepRefused") },
  note: { icon: "info", word: t("explain.stepNote") },
} as const;

const CHECKS: Record<string, string | undefined> = {
  scheme: t("explain.checkScheme"),
  parts: t("explain.checkForm"),
  header: t("explain.checkAlgorithm"),
  claims: t("explain.checkClaims"),
  time: t("common.time"),
  audience: t("explain.checkAudience"),
  user: t("common.apiUser"),
  key: t("explain.checkSignature"),
  standing: t("explain.checkStanding"),
  cause: t("explain.checkCause"),
};

function Steps({ explanation }: { readonly explanation: Explanation }) {
  const { accepted, code, steps } = explanation;
  return (
    <section className="card" aria-label={t("explain.explanation")}>
      <Verdict isGood={accepted}>
        {accepted ? t("explain.accepted") : <T id="explain.refused" values={{ code: <code>{code}</code> }} />}
      </Verdict>
      <ol className="steps">
        {steps.map(({ check, outcome, detail, hint }, at) => (
          // Several steps may belong to one check, so the position is part of the key.
          <li key={`${at} ${check}`} className={`step step-${outcome}`}>
            <span className="step-icon">
              <Icon name={OUTCOMES[outcome].icon} size={14} />
              <span className="visually-hidden">{OUTCOMES[outcome].word}</span>
            </span>
            <div>
              <strong>{CHECKS[check] ?? check}</strong>
              <p>
                <ServerText>{detail}</ServerText>
              </p>
              {hint === undefined ? null : (
                <p className="step-hint">
                  <ServerText>{hint}</ServerText>
                </p>
              )}
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}

function Report({ report }: { readonly report: TokenReport }) {
  const { active, reason, username, account, access, key_id: keyId, expires_at: expiresAt } = report;
  return (
    <section className="card" aria-label={t("explain.report")}>
      <Verdict isGood={active}>{active ? t("explain.tokenValid") : t("explain.tokenInvalid")}</Verdict>
      <dl className="facts report">
        {reason === undefined ? null : (
          <>
            <dt>{t("explain.why")}</dt>
            <dd>
              <ServerText>{inactiveReason(reason)}</ServerText> <code className="faint">{reason}</code>
            </dd>
          </>
        )}
        {username === undefined ? null : (
          <>
            <dt>{t("common.apiUser")}</dt>
            <dd>
              <Link href={`/users/${encodeURIComponent(username)}`}>
                <bdi>{username}</bdi>
              </Link>
            </dd>
          </>
        )}
        {account === undefined ? null : (
          <>
            <dt>{t("common.account")}</dt>
            <dd>
              <bdi>{account}</bdi>
            </dd>
          </>
        )}
        {access === undefined ? null : (
          <>
            <dt>{t("common.access")}</dt>
            <dd>
              <AccessBadge access={access} />
            </dd>
          </>
        )}
        {keyId === undefined ? null : (
          <>
            <dt>{t("explain.mintedUnder")}</dt>
            <dd>
              <T id="common.keyNumber" values={{ id: keyId }} />
            </dd>
          </>
        )}
        {expiresAt === undefined ? null : (
          <>
            <dt>{t("common.expires")}</dt>
            <dd>
              <RelativeTime at={expiresAt} />
            </dd>
          </>
        )}
      </dl>
    </section>
  );
}

function Verdict({ isGood, children }: { readonly isGood: boolean; readonly children: ReactNode }) {
  return (
    <div className={`explain-verdict ${isGood ? "is-good" : "is-bad"}`}>
      <Icon name={isGood ? "check" : "cross"} />
      <h2>{children}</h2>
    </div>
  );
}
