const NAMES: Record<string, string | undefined> = {
  passkey: "passkey",
  password: "password",
  recovery_code: "recovery code",
  single_sign_on: "single sign-on",
  link: "one-time link",
};

/** A sign-in method in words. */
export function methodName(method: string): string {
  return NAMES[method] ?? method;
}
