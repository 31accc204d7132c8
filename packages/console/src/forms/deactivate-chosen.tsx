/** Deactivation of several items that are chosen in a list: the choice, its button, the dialog that asks, and what became of each. */
import { Button } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { type ImpactScope, useImpactOf } from "../api/registry.ts";
import { Dialog } from "../ui/dialog.tsx";
import { Bone } from "../ui/page.tsx";
import { Problem } from "../ui/problem.tsx";
import { type Selection, useSelection } from "../ui/selection.ts";
import { ServerText } from "../ui/server-text.tsx";
import { tell } from "../ui/tell.tsx";
import { Confirm } from "./confirm.tsx";
import { numberText, t } from "../text/t.ts";
import "../ui/impact-summary.css";

/** How many names the dialog has. */
const NAMED_MAX = 10;

/** Items of one kind, and how they are deactivated. */
export interface Deactivation<Item> {
  readonly keyOf: (item: Item) => string | number;
  readonly canChoose: (item: Item) => boolean;
  /** For the label of its box. */
  readonly nameOf: (item: Item) => string;
  /** Its name as the dialog shows it. */
  readonly show: (item: Item) => ReactNode;
  /** Whose tokens end. */
  readonly scopeOf: (item: Item) => ImpactScope;
  /** @returns what became of each, in their order */
  readonly deactivate: (items: readonly Item[]) => Promise<readonly Outcome[]>;
  readonly title: (count: number) => string;
  readonly about: string;
  readonly doneText: (count: number) => string;
  readonly refusedText: (count: number) => string;
}

interface Outcome {
  readonly outcome: "deactivated" | "unchanged" | "refused";
  /** Why it was refused, or a warning. */
  readonly message: string | null;
}

/**
 * Lets items of a list be chosen and deactivated together.
 *
 * @param place as {@link useSelection} has it
 * @returns the selection for the table, and the dialog for the page
 */
export function useDeactivation<Item>(
  items: readonly Item[],
  place: string,
  deactivation: Deactivation<Item>,
): { readonly selection: Selection<Item>; readonly dialog: ReactNode } {
  const selection = useSelection(items, place, deactivation);
  // As they were when the dialog opened: afterwards, the list may not have them any more.
  const [asked, setAsked] = useState<readonly Item[]>();
  return {
    selection: {
      ...selection,
      labelOf: (item) => t("ui.selectNamed", { name: deactivation.nameOf(item) }),
      actions: (
        <Button variant="default" size="xs" onClick={() => setAsked(selection.chosen)}>
          {t("common.deactivateEllipsis")}
        </Button>
      ),
    },
    dialog:
      asked === undefined ? null : (
        <DeactivateChosenDialog
          items={asked}
          deactivation={deactivation}
          onDone={selection.clear}
          onClose={() => setAsked(undefined)}
        />
      ),
  };
}

type Result<Item> = Outcome & { readonly item: Item };

/** Asks for confirmation, and then says which were refused, or deactivated with a warning. */
function DeactivateChosenDialog<Item>({
  items,
  deactivation,
  onDone,
  onClose,
}: {
  readonly items: readonly Item[];
  readonly deactivation: Deactivation<Item>;
  readonly onDone: () => void;
  readonly onClose: () => void;
}) {
  const { keyOf, show, scopeOf } = deactivation;
  const [results, setResults] = useState<readonly Result<Item>[]>();
  if (results !== undefined) return <Report results={results} deactivation={deactivation} onClose={onClose} />;
  return (
    <Confirm
      title={deactivation.title(items.length)}
      impact={<ImpactOf scopes={items.map(scopeOf)} />}
      button={t("common.deactivate")}
      run={async () => {
        const outcomes = await deactivation.deactivate(items);
        const told = outcomes.flatMap((outcome, at) => {
          const item = items[at];
          return item === undefined || outcome.message === null ? [] : [{ ...outcome, item }];
        });
        const done = outcomes.filter(({ outcome }) => outcome === "deactivated").length;
        if (done > 0) tell(deactivation.doneText(done));
        onDone();
        if (told.length === 0) onClose();
        else setResults(told);
      }}
      isReplaced
      onClose={onClose}
    >
      <p>{deactivation.about}</p>
      <ul className="impact-clients">
        {items.slice(0, NAMED_MAX).map((item) => (
          <li key={keyOf(item)}>{show(item)}</li>
        ))}
        {items.length > NAMED_MAX ? (
          <li>{t("ui.andMore", { clientCount: numberText(items.length - NAMED_MAX) })}</li>
        ) : null}
      </ul>
    </Confirm>
  );
}

/** What the server says about items that were refused, or that were deactivated with a warning. */
function Report<Item>({
  results,
  deactivation: { keyOf, show, refusedText },
  onClose,
}: {
  readonly results: readonly Result<Item>[];
  readonly deactivation: Deactivation<Item>;
  readonly onClose: () => void;
}) {
  const refused = results.filter(({ outcome }) => outcome === "refused");
  const warned = results.filter(({ outcome }) => outcome !== "refused");
  const list = (those: readonly Result<Item>[]) => (
    <ul className="impact-clients">
      {those.map(({ item, message }) => (
        <li key={keyOf(item)}>
          {show(item)}
          <ServerText>{message ?? ""}</ServerText>
        </li>
      ))}
    </ul>
  );
  const warnedText = t("forms.deactivatedWithWarning", { count: warned.length });
  return (
    <Dialog title={refused.length > 0 ? refusedText(refused.length) : warnedText} onClose={onClose}>
      <div className="stack">
        {refused.length > 0 ? list(refused) : null}
        {refused.length > 0 && warned.length > 0 ? <strong>{warnedText}</strong> : null}
        {warned.length > 0 ? list(warned) : null}
        <div className="dialog-foot">
          <Button variant="default" data-autofocus onClick={onClose}>
            {t("common.close")}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}

function ImpactOf({ scopes }: { readonly scopes: readonly ImpactScope[] }) {
  const { data, error, refetch } = useImpactOf(scopes);
  if (error !== null) return <Problem error={error} retry={() => void refetch()} />;
  return (
    <div className="impact" role="status" aria-busy={data === undefined}>
      {data === undefined ? (
        <Bone width={220} height={20} />
      ) : (
        <strong>
          {data.tokens === 0
            ? t("forms.noLiveTokenDependsOnThem")
            : t("ui.liveTokensStop", { tokens: data.tokens, clients: data.clients })}
        </strong>
      )}
    </div>
  );
}
