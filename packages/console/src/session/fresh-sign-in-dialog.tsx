import { useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { type Me, meQuery } from "../api/me.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Bone } from "../ui/page.tsx";
import { endProof, noteSignedIn, useProofNeeded } from "./session.ts";
import { t } from "../text/t.ts";

const SignInForm = lazy(() => import("./sign-in-form.tsx"));

/** Asks for the fresh sign-in that a change needs. The change is then made, or dropped if the operator closes the dialog. */
export function FreshSignInDialog() {
  const queries = useQueryClient();
  const isNeeded = useProofNeeded();
  if (!isNeeded) return null;

  function onSignedIn(me: Me): void {
    // Another operator must not make the first operator's change.
    if (!noteSignedIn(me)) return;
    queries.setQueryData(meQuery.queryKey, me);
    endProof(true);
  }

  return (
    <Dialog title={t("session.freshTitle")} onClose={() => endProof(false)} size={420}>
      <div className="stack">
        <p className="soft">{t("session.freshAbout")}</p>
        <Suspense fallback={<Bone width="100%" height={286} />}>
          <SignInForm isFresh onSignedIn={onSignedIn} returnTo={window.location.pathname + window.location.search} />
        </Suspense>
      </div>
    </Dialog>
  );
}
