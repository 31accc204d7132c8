import { useQueryClient } from "@tanstack/react-query";
import { useLocation, useSearchParams } from "wouter";
import { type Me, meQuery } from "../../api/me.ts";
import { OutsidePage } from "../../ui/outside-page.tsx";
import { Note } from "../../ui/problem.tsx";
import { noteSignedIn, noteSignedOut } from "../../session/session.ts";
import SignInForm from "../../session/sign-in-form.tsx";
import { pathWithin } from "./path-within.ts";
import { t } from "../../text/t.ts";

/** Explanations of `?error=`, with which single sign-on returns. */
const SINGLE_SIGN_ON_PROBLEMS: Record<string, string | undefined> = {
  single_sign_on_failed: t("signIn.providerFailed"),
  forbidden: t("signIn.notAnOperator"),
  sign_in_rejected: t("signIn.notAnOperator"),
  unavailable: t("signIn.providerUnreachable"),
};

export default function SignInPage() {
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const [params] = useSearchParams();
  const to = pathWithin(params.get("to"));
  const problem = params.get("error");

  function onSignedIn(me: Me): void {
    queries.clear();
    // Drop what the previous page had read and what waited there.
    noteSignedOut();
    queries.setQueryData(meQuery.queryKey, me);
    noteSignedIn(me);
    navigate(to, { replace: true });
  }

  return (
    <OutsidePage title={t("signIn.title")} about={t("signIn.about")}>
      <div className="stack">
        {problem === null ? null : (
          <Note kind="warning">
            <span role="alert">{SINGLE_SIGN_ON_PROBLEMS[problem] ?? t("signIn.singleSignOnFailed")}</span>
          </Note>
        )}
        <SignInForm onSignedIn={onSignedIn} returnTo={to} />
      </div>
    </OutsidePage>
  );
}
