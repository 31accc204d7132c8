import { parseInteger, parseNetworkList } from "../parse-values.ts";
import { setting } from "./setting.ts";

/** Limits of the public listener, and of webhooks. */
export const LIMIT_SETTINGS = {
  refusalLimit: setting({
    variable: "COUNTERSIGN_REFUSAL_LIMIT",
    flag: "--refusal-limit <number>",
    default: "600",
    meaning:
      "refused requests per minute and client address before the service answers 429, and as many nonces for proofs of possession; 0: no limit",
    parse: (text = "600") => parseInteger(text, 0, 1_000_000_000),
  }),
  connectionsMax: setting({
    variable: "COUNTERSIGN_CONNECTIONS_MAX",
    flag: "--connections-max <number>",
    default: "16384, or fewer if the limit of open files requires it",
    meaning:
      "maximum concurrent connections to the public listener for each process; at the maximum, idle ones are closed",
    parse: (text) => (text === undefined ? undefined : parseInteger(text, 1, 1_000_000)),
  }),
  connectionsPerAddressMax: setting({
    variable: "COUNTERSIGN_CONNECTIONS_PER_ADDRESS_MAX",
    flag: "--connections-per-address-max <number>",
    default: "half of COUNTERSIGN_CONNECTIONS_MAX",
    meaning: "maximum of these from one client address or IPv6 network (/64); trusted proxies have no such limit",
    parse: (text) => (text === undefined ? undefined : parseInteger(text, 1, 1_000_000)),
  }),
  webhookNetworks: setting({
    variable: "COUNTERSIGN_WEBHOOK_NETWORKS",
    flag: "--webhook-networks <addresses>",
    default: "none",
    meaning:
      "addresses or networks, separated by commas, to which webhooks may be sent although they are private or reserved, and also without TLS",
    isList: true,
    parse: (text) => (text === undefined ? [] : parseNetworkList(text)),
  }),
} as const;
