import { t } from "./t.ts";

const NAMES: Readonly<Record<string, string | undefined>> = {
  passkey: t("method.passkey"),
  password: t("method.password"),
  recovery_code: t("method.recoveryCode"),
  single_sign_on: t("method.singleSignOn"),
  link: t("method.link"),
};

/** A sign-in method in words. */
export function methodName(method: string): string {
  return NAMES[method] ?? method;
}
