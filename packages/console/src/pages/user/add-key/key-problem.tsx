import { ApiError } from "../../../api/api-error.ts";
import { weaknessText } from "../../../text/weakness.ts";
import { Icon } from "../../../ui/icon.tsx";
import { Problem } from "../../../ui/problem.tsx";
import { T } from "../../../ui/t.tsx";

/** Why a public key isn't accepted. A weakness is explained in words. */
export function KeyProblem({ error }: { readonly error: Error }) {
  const weakness = weaknessOf(error);
  if (weakness === undefined) return <Problem error={error} />;
  const { label, about } = weaknessText(weakness);
  return (
    <div className="problem" role="alert">
      <Icon name="alert" />
      <div className="problem-words">
        <strong>
          <T id="user.keyNotAccepted" values={{ label }} />
        </strong>
        <span>{about}</span>
        <span className="problem-small">{error.message}</span>
      </div>
    </div>
  );
}

/** The weakness for which a key was refused, if that is why. */
export function weaknessOf(error: Error | null | undefined): string | undefined {
  return error instanceof ApiError && error.code === "key_weak" ? (error.weakness ?? "weak") : undefined;
}
