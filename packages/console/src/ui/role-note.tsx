import type { Role } from "@countersign/protocol";
import { type Me, permits } from "../api/me.ts";
import { Note } from "./problem.tsx";

/** Explains why an action isn't offered: the operator's role or account doesn't permit it. */
export function RoleNote({
  me,
  needs,
  what,
  everywhere = false,
}: {
  readonly me: Me;
  readonly needs: Role;
  /** `create API users` */
  readonly what: string;
  /** Whether it can't be done by an operator who is limited to an account. */
  readonly everywhere?: boolean;
}) {
  if (permits(me, needs, { everywhere })) return null;
  const isLimited = permits(me, needs);
  const who = { viewer: "A viewer", admin: "An admin", owner: "An owner" }[me.role];
  return (
    <Note>
      {isLimited ? (
        <>
          You are limited to the account <bdi>{me.account}</bdi>, so you can't {what}.
        </>
      ) : (
        `${who} can't ${what}. An owner can give you the role ${needs}.`
      )}
    </Note>
  );
}
