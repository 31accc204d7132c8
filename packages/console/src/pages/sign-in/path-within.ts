/** The console path to open after the sign-in, from the address; `/` if it would lead anywhere else. */
export function pathWithin(path: string | null): string {
  if (path === null || !path.startsWith("/")) return "/";
  const base = "http://console.invalid";
  const url = URL.canParse(path, base) ? new URL(path, base) : undefined;
  // `//elsewhere` and `/\elsewhere` are other hosts to a browser.
  return url !== undefined && url.origin === base && !url.pathname.startsWith("//") ? url.pathname + url.search : "/";
}
