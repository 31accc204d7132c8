import { inactiveReason } from "@countersign/protocol";
import type { Flags } from "../config/config.ts";
import { NegativeResult, type CliContext, paint, print } from "./context.ts";
import { formatFields } from "./table.ts";
import { withOperations } from "./target.ts";
import { relativeTime } from "./time.ts";

type Options = Flags & { readonly json?: boolean };

/** Checks a token and says whose it is, or why it is inactive. @throws {NegativeResult} if it is inactive */
export async function checkToken(context: CliContext, token: string, options: Options): Promise<void> {
  const { data: report } = await withOperations(context, options, (operate) =>
    operate("checkToken", { body: { token } }),
  );
  if (!report.active) {
    const { reason } = report;
    print(
      context,
      options.json,
      { active: false, reason },
      () => `${paint(context, "red", "inactive")}: ${reason}\n${inactiveReason(reason)}`,
    );
    throw new NegativeResult();
  }
  const { username, account, access, key_id: keyId, expires_at: expiresAt } = report;
  print(context, options.json, report, () =>
    formatFields([
      ["token", paint(context, "green", "active")],
      ["username", username],
      ["account", account],
      ["access", access],
      ["key", String(keyId)],
      ["expires", relativeTime(Date.parse(expiresAt), context.clock.wallMs())],
    ]),
  );
}
