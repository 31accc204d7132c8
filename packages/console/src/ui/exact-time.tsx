import { exactTime, otherZone } from "../text/time-text.ts";
import { useTimeZone } from "./time-zone.ts";

/** A time to the second in the chosen time zone, and in the other one as a tooltip. */
export function ExactTime({ atMs }: { readonly atMs: number }) {
  const zone = useTimeZone();
  return (
    <time dateTime={new Date(atMs).toISOString()} title={exactTime(atMs, otherZone(zone))}>
      {exactTime(atMs, zone)}
    </time>
  );
}
