import { useAuditChain } from "../../api/service.ts";
import { CopyButton } from "../../ui/copy-button.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Note, Problem } from "../../ui/problem.tsx";
import { ServerText } from "../../ui/server-text.tsx";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** Whether the log is unaltered. The server checks its hash chain from the beginning. */
export function ChainStatus() {
  const { data, error, isFetching, refetch } = useAuditChain({ isEnabled: true });
  if (error !== null) return <Problem error={error} retry={() => void refetch()} />;
  if (data !== undefined && !data.ok) {
    return (
      <div className="problem" role="alert">
        <Icon name="alert" />
        <div className="problem-words">
          <strong>{t("audit.chainAltered")}</strong>
          <span>
            <T id="audit.chainBreaks" values={{ seq: data.seq, problem: <ServerText>{data.problem}</ServerText> }} />
          </span>
        </div>
      </div>
    );
  }
  return (
    <Note kind={data === undefined ? "info" : "good"}>
      <div className="chain" role="status">
        {data === undefined || isFetching ? (
          <span>{t("audit.chainChecking")}</span>
        ) : (
          <>
            <span>
              <T
                id="audit.chainVerified"
                values={{
                  strong: (words) => <strong>{words}</strong>,
                  events: data.events,
                }}
              />
            </span>
            <span className="chain-hash">
              <code>{data.last_hash}</code>
              <CopyButton isIcon text={data.last_hash ?? ""} label={t("audit.copyTheLastHash")} />
            </span>
          </>
        )}
        <button type="button" className="text-button" onClick={() => void refetch()}>
          {t("common.checkAgain")}
        </button>
      </div>
    </Note>
  );
}
