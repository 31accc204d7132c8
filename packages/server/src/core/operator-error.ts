/**
 * An expected failure whose message is for the person who runs a command or starts the service: one sentence that says what is
 * wrong and what to do about it. The command line prints the message as it is. It never holds a secret.
 *
 * A refused request or change is a {@link Refusal} instead; any other error is a defect.
 */
export class OperatorError extends Error {
  override readonly name: string = "OperatorError";
}
