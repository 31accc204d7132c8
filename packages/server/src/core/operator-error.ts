/**
 * An expected failure of a command or of starting the service. Its message, for the operator, is one sentence that says what is
 * wrong and what to do about it. The command line prints it unchanged. It never holds a secret.
 *
 * A refused request or change is a {@link Refusal} instead; any other error is a defect.
 */
export class OperatorError extends Error {
  override readonly name: string = "OperatorError";
}
