/** Wording: pure functions. Nothing here knows React or the API. */
import { t } from "./t.ts";

const BROWSERS = [
  ["Edg/", "Edge"],
  ["OPR/", "Opera"],
  ["Firefox/", "Firefox"],
  ["Chrome/", "Chrome"],
  ["Safari/", "Safari"],
] as const;

const SYSTEMS = [
  ["Android", "Android"],
  ["iPhone", "iOS"],
  ["iPad", "iPadOS"],
  ["Windows", "Windows"],
  ["Mac OS", "macOS"],
  ["Linux", "Linux"],
] as const;

/** `Firefox on Linux`, from a user agent: helps operators recognise their own browser, and must decide nothing. */
export function browserName(userAgent: string): string {
  const browser = BROWSERS.find(([mark]) => userAgent.includes(mark))?.[1];
  const system = SYSTEMS.find(([mark]) => userAgent.includes(mark))?.[1];
  if (browser === undefined) return userAgent === "" ? t("session.unnamedBrowser") : userAgent.slice(0, 60);
  return system === undefined ? browser : t("session.browserOnSystem", { browser, system });
}
