/** Fields that an operator fills in; of radio buttons the chosen one, which is the one that the Tab key reaches. */
const FIELDS = [
  "input:not([type=hidden], [type=radio], [readonly], :disabled)",
  "input[type=radio]:checked:not(:disabled)",
  "textarea:not([readonly], :disabled)",
  "select:not(:disabled)",
].join(", ");

/**
 * As the ref of a form or a dialog's body: moves the focus to its first field when it appears, or to the element marked with
 * `data-autofocus`. The mark also tells a dialog, which moves the focus into itself a moment later.
 */
export function focusFirstField(form: HTMLElement | null): void {
  if (form === null) return;
  const first = form.querySelector<HTMLElement>("[data-autofocus]") ?? form.querySelector<HTMLElement>(FIELDS);
  first?.setAttribute("data-autofocus", "true");
  first?.focus({ preventScroll: true });
}
