import { type Operator, resetOperator } from "../../api/operators.ts";
import { Confirm } from "../../forms/confirm.tsx";

/** Makes a link with which an operator who lost passkey and password sets new ones. */
export function ResetDialog({
  operator,
  onClose,
  onMade,
}: {
  readonly operator: Operator;
  readonly onClose: () => void;
  readonly onMade: (link: string | null) => void;
}) {
  return (
    <Confirm
      title={
        <>
          Reset the sign-in of <bdi>{operator.email}</bdi>?
        </>
      }
      button="Make the link"
      isDangerous={false}
      run={() => resetOperator(operator.id)}
      isReplaced
      onDone={({ link }) => onMade(link)}
      onClose={onClose}
    >
      <p>
        For an operator who has lost passkey and password. The link lets them set new ones; using it invalidates the old
        ones and the recovery codes, and ends all sessions.
      </p>
    </Confirm>
  );
}
