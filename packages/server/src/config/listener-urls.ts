import { listenerUrl } from "../platform/listener-url.ts";
import type { Config } from "./config.ts";

/** The public listener's URL on this machine. It reaches the listener if its port isn't 0. */
export function publicListenerUrl({ host, port, tlsCertFile }: Pick<Config, "host" | "port" | "tlsCertFile">): string {
  return listenerUrl(host, port, tlsCertFile === undefined ? "http" : "https");
}

/** The same for the internal listener. */
export function internalListenerUrl({
  adminHost,
  adminPort,
  adminTlsCertFile,
}: Pick<Config, "adminHost" | "adminPort" | "adminTlsCertFile">): string {
  return listenerUrl(adminHost, adminPort, adminTlsCertFile === undefined ? "http" : "https");
}
