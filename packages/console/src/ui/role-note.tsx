import type { Role } from "@countersign/protocol";
import { type Me, permits } from "../api/me.ts";
import { Note } from "./problem.tsx";
import { roleName } from "../text/role-name.ts";
import { t } from "../text/t.ts";
import { T } from "./t.tsx";

/** Explains why an action isn't offered: the operator's role or account doesn't permit it. */
export function RoleNote({
  me,
  needs,
  what,
  everywhere = false,
}: {
  readonly me: Me;
  readonly needs: Role;
  /** What they can't do, as a sentence: `You can't create API users.` */
  readonly what: string;
  /** Whether it can't be done by an operator who is limited to an account. */
  readonly everywhere?: boolean;
}) {
  if (permits(me, needs, { everywhere })) return null;
  const isLimited = permits(me, needs);
  return (
    <Note>
      {what}{" "}
      {isLimited ? (
        <T id="ui.accountNote" values={{ account: <bdi>{me.account}</bdi> }} />
      ) : (
        t("ui.roleNote", { role: roleName(me.role), needs: roleName(needs) })
      )}
    </Note>
  );
}
