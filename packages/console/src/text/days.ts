const DAY_SECONDS = 86_400;

/** Days as typed, in whole seconds; `null` for an empty text, `NaN` for anything but a positive number. */
export function parseDays(text: string): number | null {
  const typed = text.trim();
  if (typed === "") return null;
  const seconds = Math.round(Number(typed) * DAY_SECONDS);
  return seconds > 0 && Number.isFinite(seconds) ? seconds : Number.NaN;
}

/** Seconds as days, rounded to hundredths: `90`, `0.5`. */
export function daysOf(seconds: number): number {
  return Math.round((seconds / DAY_SECONDS) * 100) / 100;
}

/** Seconds as days, as `parseDays` reads them. */
export function daysText(seconds: number): string {
  return String(daysOf(seconds));
}
