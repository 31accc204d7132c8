import type { ReactNode } from "react";
import type { Versioned } from "../api/client.ts";
import { makeChange } from "../api/queries.ts";
import type { ImpactScope } from "../api/registry.ts";
import { ImpactSummary } from "../ui/impact-summary.tsx";
import { Note } from "../ui/problem.tsx";
import type { Status } from "../text/status-text.ts";
import { StatusBadge } from "../ui/status-badge.tsx";
import { tell, tellProblem, tellWarning } from "../ui/tell.tsx";
import { Confirm } from "./confirm.tsx";
import { useVersion } from "./use-version.ts";
import { t } from "../text/t.ts";
import { T } from "../ui/t.tsx";

type Standing = "active" | "deactivated";
type Current = Versioned<{ readonly status: Status }>;

/** Something that can be deactivated and activated again. */
export interface Switchable {
  /** What `name` names, where messages have to say so. */
  readonly kind?: "account" | "resourceServer" | "webhook";
  /** In messages: `key 3`, `api-1-demo`. */
  readonly name: ReactNode;
  readonly read: () => Promise<Current>;
  readonly change: (patch: { status: Standing }, etag: string | undefined) => Promise<Current>;
}

/** Activates something with one click, and reports the result either way. */
export async function activate(thing: Switchable): Promise<void> {
  try {
    await makeChange(async () => changeStanding(thing, "active", await thing.read()));
  } catch (error) {
    tellProblem(error);
  }
}

/** Something that can be archived and restored. */
export interface Archivable {
  readonly name: ReactNode;
  readonly read: () => Promise<Current>;
  readonly archive: (archived: boolean, etag: string | undefined) => Promise<unknown>;
}

/** Archives something that is deactivated already, or restores it, with one click and an Undo. */
export async function setArchived(thing: Archivable, archived: boolean): Promise<void> {
  try {
    await makeChange(async () => {
      await thing.archive(archived, (await thing.read()).etag);
      tell(
        archived ? (
          <T id="forms.archived" values={{ name: thing.name }} />
        ) : (
          <T id="forms.restored" values={{ name: thing.name }} />
        ),
        () => setArchived(thing, !archived),
      );
    });
  } catch (error) {
    tellProblem(error);
  }
}

/** Changes the status, says so, and offers an Undo. */
async function changeStanding(thing: Switchable, status: Standing, { etag }: Current): Promise<void> {
  const changed = await thing.change({ status }, etag);
  const isOff = status === "deactivated";
  tell(
    isOff ? (
      <T id="forms.deactivated" values={{ kind: thing.kind ?? "other", name: thing.name }} />
    ) : (
      <T id="forms.activated" values={{ kind: thing.kind ?? "other", name: thing.name }} />
    ),
    () => makeChange(() => changeStanding(thing, isOff ? "active" : "deactivated", changed)),
  );
  if (!isOff) changed.warnings.forEach(tellWarning);
}

/**
 * Asks for confirmation before a deactivation, and says what stops with it. If another operator changed the thing while the dialog was
 * open, the dialog shows its new status instead of deactivating it.
 */
export function DeactivateDialog({
  thing,
  scope,
  about,
  options,
  onClose,
}: {
  readonly thing: Switchable;
  /** Whose tokens end; if omitted, `about` says what ends. */
  readonly scope?: ImpactScope;
  readonly about: string;
  /** Fields that say what else the deactivation does. */
  readonly options?: ReactNode;
  readonly onClose: () => void;
}) {
  const { newer, apply } = useVersion(thing.read);
  return (
    <Confirm
      title={<T id="forms.deactivateTitle" values={{ kind: thing.kind ?? "other", name: thing.name }} />}
      impact={scope === undefined ? null : <ImpactSummary scope={scope} />}
      note={
        newer === undefined ? null : (
          <Note kind="warning">
            <T id="forms.changedMeanwhile" values={{ status: <StatusBadge status={newer.value.status} /> }} />
          </Note>
        )
      }
      options={options}
      button={newer === undefined ? t("common.deactivate") : t("forms.deactivateAnyway")}
      run={() => apply((current) => changeStanding(thing, "deactivated", current))}
      onClose={onClose}
    >
      <p>{about}</p>
    </Confirm>
  );
}
