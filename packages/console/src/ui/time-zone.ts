import { useSyncExternalStore } from "react";
import { exactTime, type TimeZone } from "../text/time-text.ts";

/** Where this browser keeps the choice. */
const STORED_AS = "countersign-times";

const listeners = new Set<() => void>();
let chosen = read();

/** Local time unless UTC was chosen. A browser that stores nothing for the page has local time. */
function read(): TimeZone {
  try {
    return localStorage.getItem(STORED_AS) === "utc" ? "utc" : "local";
  } catch {
    return "local";
  }
}

function update(zone: TimeZone): void {
  chosen = zone;
  for (const listener of listeners) listener();
}

// Another tab of the console has changed it.
window.addEventListener("storage", ({ key }) => {
  if (key === STORED_AS || key === null) update(read());
});

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** The time zone of every exact time in the console. */
export function useTimeZone(): TimeZone {
  return useSyncExternalStore(subscribe, () => chosen);
}

/** Sets the time zone of every exact time, in all tabs, and keeps it for this browser if that stores anything for the page. */
export function setTimeZone(zone: TimeZone): void {
  update(zone);
  try {
    localStorage.setItem(STORED_AS, zone);
  } catch {
    // It lasts until the page is closed.
  }
}

/** Writes exact times in the chosen time zone. */
export function useExactTime(): (atMs: number) => string {
  const zone = useTimeZone();
  return (atMs) => exactTime(atMs, zone);
}
