import { Button, TextInput } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { ApiError } from "../../api/api-error.ts";
import type { Versioned } from "../../api/client.ts";
import { changeKey, type KeyPatch, type PublicKey, readKey, useRegistryChanged } from "../../api/registry.ts";
import { Dialog } from "../../ui/dialog.tsx";
import { type Expiry, ExpiryField, expiresAt } from "../../forms/expiry-field.tsx";
import { Note, Problem } from "../../ui/problem.tsx";
import { tell, tellWarning } from "../../ui/tell.tsx";
import { utcTime } from "../../text/time-text.ts";
import { useRead } from "../../ui/use-read.ts";

/** A key's label and expiry. What somebody else changed meanwhile isn't overwritten unseen. */
export function EditKeyDialog({ publicKey, onClose }: { readonly publicKey: PublicKey; readonly onClose: () => void }) {
  const changed = useRegistryChanged();
  const read = useRead(() => readKey(publicKey.id));
  const [label, setLabel] = useState(publicKey.label ?? "");
  const [expiry, setExpiry] = useState<Expiry>({ kind: "keep", date: "" });
  const [isSaving, setIsSaving] = useState(false);
  const [error, setError] = useState<Error>();
  const [newer, setNewer] = useState<Versioned<PublicKey>>();
  const shown = newer?.value ?? publicKey;
  const refusal = error instanceof ApiError ? error : undefined;

  async function save(event: FormEvent): Promise<void> {
    event.preventDefault();
    setIsSaving(true);
    setError(undefined);
    try {
      const current = newer ?? (await read());
      const { etag, value } = current;
      if (newer === undefined && (value.label !== publicKey.label || value.expires_at !== publicKey.expires_at)) {
        setNewer(current);
        return;
      }
      const until = expiresAt(expiry, Date.now());
      const patch: KeyPatch = {
        label: label.trim() === "" ? null : label.trim(),
        ...(until === undefined ? {} : { expires_at: until }),
      };
      const { warnings } = await changeKey(publicKey.id, patch, etag);
      await changed();
      tell("Saved label and expiry.");
      // A key past its expiry that gets a later one can be used again.
      if (until !== undefined) warnings.forEach(tellWarning);
      onClose();
    } catch (problem) {
      if (problem instanceof ApiError && problem.code === "precondition_failed") setNewer(await readKey(publicKey.id));
      else setError(problem as Error);
    } finally {
      setIsSaving(false);
    }
  }

  return (
    <Dialog title="Label and expiry" onClose={onClose}>
      <form className="stack" onSubmit={(event) => void save(event)}>
        {newer === undefined ? null : (
          <Note kind="warning">
            Somebody changed this key meanwhile; nothing was saved. Now its label is{" "}
            {newer.value.label === null ? "empty" : <bdi>“{newer.value.label}”</bdi>}, and it expires{" "}
            {newer.value.expires_at === null ? "never" : utcTime(Date.parse(newer.value.expires_at))}. Save again to
            overwrite that.
          </Note>
        )}
        {error === undefined || refusal?.fieldMessage("label") || refusal?.fieldMessage("expires_at") ? null : (
          <Problem error={error} />
        )}
        <TextInput
          label="Label"
          description="For people: where the private key is, or what for."
          maxLength={200}
          value={label}
          error={refusal?.fieldMessage("label")}
          onChange={(event) => setLabel(event.currentTarget.value)}
        />
        <ExpiryField
          value={expiry}
          onChange={setExpiry}
          error={refusal?.fieldMessage("expires_at")}
          keeping={shown.expires_at === null ? "As it is: never" : `As it is: ${utcTime(Date.parse(shown.expires_at))}`}
        />
        <div className="dialog-foot">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={isSaving}>
            Save
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
