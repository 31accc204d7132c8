/** What people note about accounts and API users, as options and as fields. */

/** The note that an option gives: `null`, which removes it, for an empty text; `undefined` leaves it as it is. */
export function noteOf(option: string | undefined): string | null | undefined {
  return option?.trim() === "" ? null : option;
}

/** The fields of the notes that there are. */
export function shownNotes(notes: {
  readonly description: string | null;
  readonly contact: string | null;
  readonly archived_at: string | null;
}): readonly (readonly [string, string])[] {
  return [
    ...field("description", notes.description),
    ...field("contact", notes.contact),
    ...field("archived", notes.archived_at),
  ];
}

function field(name: string, value: string | null): readonly (readonly [string, string])[] {
  return value === null ? [] : [[name, value]];
}
