import { fieldRefusal } from "../refusal.ts";
import type { WebhookSender } from "./send.ts";

/** The longest URL of an endpoint, in characters. */
export const URL_CHARACTERS_MAX = 2048;

/**
 * Checks the form of an endpoint's URL. Whether its host may be reached is decided when it is created and at each delivery.
 *
 * @returns the URL as browsers normalize it (WHATWG URL): an IPv4 address in dotted decimals, a name in ASCII
 * @throws {Refusal} `field_invalid`; the message doesn't repeat the URL, which may hold a secret
 */
export function parseWebhookUrl(text: string): string {
  const url = text.length <= URL_CHARACTERS_MAX && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || (url.protocol !== "https:" && url.protocol !== "http:") || /[\s\p{C}]/u.test(text)) {
    throw urlRefusal(`A URL that begins with https:// is needed, of at most ${URL_CHARACTERS_MAX} characters.`);
  }
  if (url.username !== "" || url.password !== "") {
    throw urlRefusal("The URL must not hold a user name or a password. The signature tells the receiver who sends.");
  }
  if (url.hash !== "" || text.includes("#"))
    throw urlRefusal("The URL must not have a fragment; receivers never see it.");
  if (url.href.length > URL_CHARACTERS_MAX) {
    throw urlRefusal(`The URL has more than ${URL_CHARACTERS_MAX} characters once it is encoded.`);
  }
  return url.href;
}

/**
 * Requires that an endpoint's URL can be used now, before a change that stores it: a change doesn't wait for a name server.
 *
 * @throws {Refusal} `field_invalid`
 */
export async function requireUsableUrl(text: string, sender: Pick<WebhookSender, "findUrlProblem">): Promise<void> {
  const problem = await sender.findUrlProblem(parseWebhookUrl(text));
  if (problem !== undefined) throw urlRefusal(problem);
}

/** Scheme, host and port: the part of an endpoint's URL that may be logged. */
export function originOf(url: string): string {
  return new URL(url).origin;
}

function urlRefusal(message: string) {
  return fieldRefusal("field_invalid", message, "url");
}
