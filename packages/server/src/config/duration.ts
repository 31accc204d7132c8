const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const;

type Unit = keyof typeof UNIT_MS;

/** The form of a duration, for messages. */
export const DURATION_FORM = "a whole number and a unit: ms, s, m, h, d or w, such as 500ms, 5s or 365d";

/** Reads `500ms`, `5s`, `2m`, `1h`, `365d`, `2w` or `0s`. @returns milliseconds; `undefined` if the text isn't a duration */
export function parseDurationMs(text: string): number | undefined {
  const [, digits, unit] = /^(0|[1-9][0-9]{0,8})(ms|[smhdw])$/.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * UNIT_MS[unit as Unit];
}

/** Writes a duration in the largest unit that leaves a whole number. */
export function formatDuration(milliseconds: number): string {
  const units = (Object.keys(UNIT_MS) as Unit[]).toReversed();
  const unit = milliseconds === 0 ? "s" : (units.find((name) => milliseconds % UNIT_MS[name] === 0) ?? "ms");
  return `${milliseconds / UNIT_MS[unit]}${unit}`;
}
