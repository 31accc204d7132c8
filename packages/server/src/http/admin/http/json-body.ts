import type { FastifyInstance } from "fastify";
import { Refusal } from "../../../core/refusal.ts";
import { jsonProblem, syntaxRefusal, textProblem } from "../../server/json-text.ts";

/** The parser accepts no member by which a program could change the prototype of every object. */
function forbiddenMember(): Refusal {
  return new Refusal("bad_request", "The body has a member __proto__, or a constructor with a prototype.", {
    hint: "Leave it out: no member of the API has such a name.",
  });
}

/**
 * Accepts JSON in UTF-8 (RFC 8259 §8.1) or no body. A form of another page can send other media types without a preflight request.
 * Bytes that aren't UTF-8 are refused: replaced by U+FFFD, they would be stored, and stay in the audit log forever.
 */
export function acceptJsonOnly(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>("application/json", { parseAs: "buffer" }, (request, body, done) => {
    if (body.length === 0) {
      done(null, undefined);
      return;
    }
    const problem = textProblem(request.headers["content-type"] ?? "", body);
    if (problem !== undefined) {
      done(problem);
      return;
    }
    const json = body.toString("utf8");
    void parse(request, json, (error, value) => {
      if (error === null) done(jsonProblem(json, value) ?? null, value);
      else done(syntaxRefusal(json) ?? forbiddenMember());
    });
  });
}
