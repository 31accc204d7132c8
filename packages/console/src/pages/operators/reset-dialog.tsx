import { type Operator, resetOperator } from "../../api/operators.ts";
import { Confirm } from "../../forms/confirm.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

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
      title={<T id="operators.resetTitle" values={{ email: <bdi>{operator.email}</bdi> }} />}
      button={t("operators.makeTheLink")}
      isDangerous={false}
      run={() => resetOperator(operator.id)}
      isReplaced
      onDone={({ link }) => onMade(link)}
      onClose={onClose}
    >
      <p>{t("operators.resetAbout")}</p>
    </Confirm>
  );
}
