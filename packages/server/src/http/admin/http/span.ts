import { DURATION_FORM, parseDurationMs } from "../../../config/duration.ts";
import { fieldRefusal } from "../../../core/refusal.ts";

/** The longest span that a query can ask for, in milliseconds: ten years. */
const SPAN_MS_MAX = 3650 * 86_400_000;

/** Reads a span of time such as `90d`. @returns milliseconds, never zero @throws {Refusal} `field_invalid`, naming the field */
export function parseSpan(field: string, text: string): number {
  const span = parseDurationMs(text);
  if (span === undefined || span === 0 || span > SPAN_MS_MAX) {
    throw fieldRefusal("field_invalid", `${field} must be ${DURATION_FORM}, and at most 3650d.`, field);
  }
  return span;
}
