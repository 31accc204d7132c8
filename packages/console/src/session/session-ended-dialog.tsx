import { useQueryClient } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { type Me, meQuery } from "../api/me.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Bone } from "../ui/page.tsx";
import { noteSignedIn, useSessionEnded } from "./session.ts";
import { t } from "../text/t.ts";

const SignInForm = lazy(() => import("./sign-in-form.tsx"));

/**
 * Asks for a new sign-in once the session has ended. The page below stays as it is, with everything typed, and what was about to be
 * saved is saved after the sign-in.
 */
export function SessionEndedDialog() {
  const queries = useQueryClient();
  const isEnded = useSessionEnded();
  if (!isEnded) return null;

  function onSignedIn(me: Me): void {
    // Another operator must not see or send what the first operator had on the screen.
    if (!noteSignedIn(me)) return;
    queries.setQueryData(meQuery.queryKey, me);
    void queries.invalidateQueries();
  }

  return (
    <Dialog title={t("session.endedTitle")} onClose={() => undefined} isClosable={false} size={420}>
      <div className="stack">
        <p className="soft">{t("session.endedAbout")}</p>
        <Suspense fallback={<Bone width="100%" height={286} />}>
          <SignInForm onSignedIn={onSignedIn} returnTo={window.location.pathname + window.location.search} />
        </Suspense>
      </div>
    </Dialog>
  );
}
