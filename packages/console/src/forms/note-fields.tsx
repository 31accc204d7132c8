import { TextInput } from "@mantine/core";
import { t } from "../text/t.ts";
import { fieldProblem } from "./form-dialog.tsx";

/** What an account or an API user is for, and whom to ask about it. */
export function NoteFields({
  description,
  setDescription,
  contact,
  setContact,
  error,
}: {
  readonly description: string;
  readonly setDescription: (description: string) => void;
  readonly contact: string;
  readonly setContact: (contact: string) => void;
  readonly error: Error | null;
}) {
  return (
    <>
      <TextInput
        label={t("common.description")}
        maxLength={500}
        value={description}
        error={fieldProblem(error, "description")}
        onChange={(event) => setDescription(event.currentTarget.value)}
      />
      <TextInput
        label={t("common.contact")}
        description={t("common.contactHint")}
        maxLength={200}
        value={contact}
        error={fieldProblem(error, "contact")}
        onChange={(event) => setContact(event.currentTarget.value)}
      />
    </>
  );
}

/** The note that a field holds; `null` for none. */
export function noteOf(text: string): string | null {
  return text.trim() === "" ? null : text.trim();
}
