import { Button } from "@mantine/core";
import { useState } from "react";
import { deactivateUsers, useImpactOf } from "../../api/registry.ts";
import { Confirm } from "../../forms/confirm.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Bone } from "../../ui/page.tsx";
import { Problem } from "../../ui/problem.tsx";
import { ServerText } from "../../ui/server-text.tsx";
import { tell } from "../../ui/tell.tsx";
import { numberText, t } from "../../text/t.ts";
import "../../ui/impact-summary.css";

/** How many names the dialog has. */
const NAMED_MAX = 10;

/** Asks for confirmation before several API users are deactivated, and then says which were refused. */
export function DeactivateUsersDialog({
  usernames,
  onDone,
  onClose,
}: {
  readonly usernames: readonly string[];
  readonly onDone: () => void;
  readonly onClose: () => void;
}) {
  const [refused, setRefused] = useState<Awaited<ReturnType<typeof deactivateUsers>>>([]);
  if (refused.length > 0) {
    return (
      <Dialog title={t("users.notAllDeactivated", { count: refused.length })} onClose={onClose}>
        <div className="stack">
          <ul className="impact-clients">
            {refused.map(({ username, message }) => (
              <li key={username}>
                <bdi className="mono">{username}</bdi>
                <ServerText>{message ?? ""}</ServerText>
              </li>
            ))}
          </ul>
          <div className="dialog-foot">
            <Button variant="default" data-autofocus onClick={onClose}>
              {t("common.close")}
            </Button>
          </div>
        </div>
      </Dialog>
    );
  }
  return (
    <Confirm
      title={t("users.deactivateTitle", { count: usernames.length })}
      impact={<ImpactOf usernames={usernames} />}
      button={t("common.deactivate")}
      run={async () => {
        const results = await deactivateUsers(usernames);
        const failed = results.filter(({ outcome }) => outcome === "refused");
        const done = results.filter(({ outcome }) => outcome === "deactivated").length;
        if (done > 0) tell(t("users.deactivatedCount", { count: done }));
        onDone();
        if (failed.length === 0) onClose();
        else setRefused(failed);
      }}
      isReplaced
      onClose={onClose}
    >
      <p>{t("users.deactivateAbout")}</p>
      <ul className="impact-clients">
        {usernames.slice(0, NAMED_MAX).map((username) => (
          <li key={username}>
            <bdi className="mono">{username}</bdi>
          </li>
        ))}
        {usernames.length > NAMED_MAX ? (
          <li>{t("ui.andMore", { clientCount: numberText(usernames.length - NAMED_MAX) })}</li>
        ) : null}
      </ul>
    </Confirm>
  );
}

function ImpactOf({ usernames }: { readonly usernames: readonly string[] }) {
  const { data, error, refetch } = useImpactOf(usernames);
  if (error !== null) return <Problem error={error} retry={() => void refetch()} />;
  return (
    <div className="impact" role="status" aria-busy={data === undefined}>
      {data === undefined ? (
        <Bone width={220} height={20} />
      ) : (
        <strong>
          {data.tokens === 0
            ? t("ui.noLiveTokenDependsOn")
            : t("ui.liveTokensStop", { tokens: data.tokens, clients: data.clients })}
        </strong>
      )}
    </div>
  );
}
