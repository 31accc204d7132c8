import { Button } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { ApiError } from "../api/api-error.ts";
import type { Versioned } from "../api/client.ts";
import type { ImpactScope } from "../api/registry.ts";
import { Dialog } from "./dialog.tsx";
import { ImpactSummary } from "./impact-summary.tsx";
import { Note, Problem } from "./problem.tsx";
import { StatusBadge } from "./status-badge.tsx";
import { tell, tellProblem, tellWarning } from "./tell.tsx";
import { useRead } from "./use-read.ts";

type Standing = "active" | "deactivated";

/** Something that can be switched off and on again. */
export interface Switchable<Value extends { readonly status: string }> {
  /** In messages: `key 3`, `API user api-1-demo`. */
  readonly name: ReactNode;
  readonly read: () => Promise<Versioned<Value>>;
  readonly change: (patch: { status: Standing }, etag: string | undefined) => Promise<Versioned<Value>>;
  /** The first words of the queries that show it. */
  readonly staleQueries: readonly string[];
}

/** Switches it on, and offers to undo that. */
export function useStandingChange() {
  const queries = useQueryClient();
  async function change<Value extends { readonly status: string }>(
    thing: Switchable<Value>,
    status: Standing,
    etag: string | undefined,
  ): Promise<void> {
    try {
      const changed = await thing.change({ status }, etag);
      const isOff = status === "deactivated";
      tell(
        <>
          {isOff ? "Deactivated" : "Activated"} {thing.name}.
        </>,
        () => change(thing, isOff ? "active" : "deactivated", changed.etag),
      );
      if (!isOff) changed.warnings.forEach(tellWarning);
    } finally {
      await Promise.all(thing.staleQueries.map((first) => queries.invalidateQueries({ queryKey: [first] })));
    }
  }
  return {
    change,
    /** By one click, without a dialog: refused or not, it is said. */
    activate: async <Value extends { readonly status: string }>(thing: Switchable<Value>) => {
      try {
        const { etag } = await thing.read();
        await change(thing, "active", etag);
      } catch (error) {
        tellProblem(error);
      }
    },
  };
}

/**
 * Asks before something is switched off, and says what stops with it. Changes only the version that it read when it opened: where
 * somebody was faster, it says so and shows what is there now.
 */
export function DeactivateDialog<Value extends { readonly status: string }>({
  thing,
  scope,
  about,
  onClose,
}: {
  readonly thing: Switchable<Value>;
  /** Whose tokens end with it; without it, `about` says what ends. */
  readonly scope?: ImpactScope;
  readonly about: ReactNode;
  readonly onClose: () => void;
}) {
  const { change } = useStandingChange();
  // Read at once, without waiting: two clicks are enough, and the second one seldom has to wait for it.
  const read = useRead(() => thing.read());
  const [isChanging, setIsChanging] = useState(false);
  const [error, setError] = useState<Error>();
  const [newer, setNewer] = useState<Versioned<Value>>();

  async function deactivate(): Promise<void> {
    setIsChanging(true);
    setError(undefined);
    try {
      const { etag } = newer ?? (await read());
      await change(thing, "deactivated", etag);
      onClose();
    } catch (problem) {
      if (problem instanceof ApiError && problem.code === "precondition_failed") setNewer(await thing.read());
      else setError(problem as Error);
    } finally {
      setIsChanging(false);
    }
  }

  return (
    <Dialog title={<>Deactivate {thing.name}?</>} onClose={onClose}>
      <div className="stack">
        {scope === undefined ? null : <ImpactSummary scope={scope} />}
        <p className="soft">{about}</p>
        {newer === undefined ? null : (
          <Note kind="warning">
            Somebody changed it meanwhile; nothing was done. Now it is{" "}
            <StatusBadge status={newer.value.status as "active" | "deactivated" | "revoked"} />
          </Note>
        )}
        {error === undefined ? null : <Problem error={error} />}
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button color="red" data-autofocus loading={isChanging} onClick={() => void deactivate()}>
            {newer === undefined ? "Deactivate" : "Deactivate all the same"}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
