import type { IncomingMessage } from "node:http";
import { Refusal } from "../../core/refusal.ts";
import { headersWith, type WrittenAnswer } from "../server/answers.ts";

const ALLOW = "POST, OPTIONS";

/** Refuses any method but POST, because credentials and tokens don't belong in a URL. @throws {Refusal} `method_not_allowed` */
export function requirePost({ method }: IncomingMessage): void {
  if (method !== "POST") throw new Refusal("method_not_allowed", "This endpoint takes POST.", { allow: ALLOW });
}

export function optionsAnswer(requestId: string): WrittenAnswer {
  return { status: 204, headers: headersWith(requestId, "Allow", ALLOW), body: "" };
}
