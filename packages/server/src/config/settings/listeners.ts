import {
  parseChoice,
  parseHost,
  parseInteger,
  parseListenHost,
  parseNames,
  parseProxies,
  parsePublicUrl,
} from "../parse-values.ts";
import { setting } from "./setting.ts";

/** The two listeners: where they listen, under which URLs they are reached, and whom they trust. */
export const LISTENER_SETTINGS = {
  host: setting({
    variable: "COUNTERSIGN_HOST",
    flag: "--host <address>",
    default: "127.0.0.1",
    meaning: "address of the public listener, or unix: and the absolute path of a socket",
    parse: (text = "127.0.0.1") => parseListenHost(text),
  }),
  port: setting({
    variable: "COUNTERSIGN_PORT",
    flag: "--port <number>",
    default: "8080",
    meaning: "port of the public listener; 0 picks a free one; a Unix socket has none",
    parse: (text = "8080") => parseInteger(text, 0, 65_535),
  }),
  adminHost: setting({
    variable: "COUNTERSIGN_ADMIN_HOST",
    flag: "--admin-host <address>",
    default: "127.0.0.1",
    meaning:
      "address of the internal listener (console, admin API, metrics, health), or unix: and the absolute path of a socket",
    parse: (text = "127.0.0.1") => parseListenHost(text),
  }),
  adminPort: setting({
    variable: "COUNTERSIGN_ADMIN_PORT",
    flag: "--admin-port <number>",
    default: "8081",
    meaning: "port of the internal listener; 0 picks a free one; a Unix socket has none",
    parse: (text = "8081") => parseInteger(text, 0, 65_535),
  }),
  listenOnly: setting({
    variable: "COUNTERSIGN_LISTEN_ONLY",
    flag: "--listen-only <listener>",
    default: "none: this process serves both listeners",
    meaning: "public or internal: this process serves only that listener, and another process serves the other",
    parse: (text) => (text === undefined ? undefined : parseChoice(text, ["public", "internal"])),
  }),
  metricsHost: setting({
    variable: "COUNTERSIGN_METRICS_HOST",
    flag: "--metrics-host <address>",
    default: "127.0.0.1",
    meaning: "address for COUNTERSIGN_METRICS_PORT",
    parse: (text = "127.0.0.1") => parseHost(text),
  }),
  metricsPort: setting({
    variable: "COUNTERSIGN_METRICS_PORT",
    flag: "--metrics-port <number>",
    default: "none",
    meaning:
      "port at which a process with COUNTERSIGN_LISTEN_ONLY=public serves /metrics, /livez and /readyz; other processes serve them on the internal listener",
    parse: (text) => (text === undefined ? undefined : parseInteger(text, 1, 65_535)),
  }),
  publicUrl: setting({
    variable: "COUNTERSIGN_PUBLIC_URL",
    flag: "--public-url <url>",
    default: "http://<host>:<port>, or https:// with COUNTERSIGN_TLS_CERT_FILE",
    meaning: "URL at which clients reach the public listener",
    parse: (text) => (text === undefined ? undefined : parsePublicUrl(text)),
  }),
  adminUrl: setting({
    variable: "COUNTERSIGN_ADMIN_URL",
    flag: "--admin-url <url>",
    default: "http://<admin-host>:<admin-port>, or https:// with COUNTERSIGN_ADMIN_TLS_CERT_FILE",
    meaning:
      "URL at which operators' browsers reach the internal listener; passkeys need a host name, not an IP address",
    parse: (text) => (text === undefined ? undefined : parsePublicUrl(text)),
  }),
  adminNames: setting({
    variable: "COUNTERSIGN_ADMIN_NAMES",
    flag: "--admin-names <names>",
    default: "none",
    meaning:
      "host names by which Prometheus may request /metrics, separated by commas; IP addresses, localhost and the host of COUNTERSIGN_ADMIN_URL always work",
    isList: true,
    parse: (text) => (text === undefined ? [] : parseNames(text)),
  }),
  trustedProxies: setting({
    variable: "COUNTERSIGN_TRUSTED_PROXIES",
    flag: "--trusted-proxies <addresses>",
    default: "none",
    meaning:
      "addresses or networks, separated by commas, whose X-Forwarded-* headers are trusted; unix: stands for every program that connects to a Unix socket",
    isList: true,
    parse: (text) => (text === undefined ? [] : parseProxies(text)),
  }),
} as const;
