/** RFC 3339 §5.6, with an offset; the groups are the year, the month, the day, the hour, the minute and the second. */
const TIME = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** Is it a time in RFC 3339 with an offset, on a day that exists? `Date.parse` takes February 31 for a day in March. */
export function isTime(text: string): boolean {
  const [, year, month, day, hour, minute, second] = TIME.exec(text)?.map(Number) ?? [];
  if (year === undefined || month === undefined || day === undefined) return false;
  const date = new Date(Date.UTC(2000, month - 1, 1));
  date.setUTCFullYear(year, month - 1, day);
  const isDay = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return isDay && Number(hour) < 24 && Number(minute) < 60 && Number(second) < 60;
}
