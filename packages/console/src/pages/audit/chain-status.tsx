import { useAuditChain } from "../../api/service.ts";
import { CopyButton } from "../../ui/copy-button.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Note, Problem } from "../../ui/problem.tsx";

/** Whether the log is unaltered. The server checks its hash chain from the beginning. */
export function ChainStatus() {
  const { data, error, isFetching, refetch } = useAuditChain({ isEnabled: true });
  if (error !== null) return <Problem error={error} retry={() => void refetch()} />;
  if (data !== undefined && !data.ok) {
    return (
      <div className="problem" role="alert">
        <Icon name="alert" />
        <div className="problem-words">
          <strong>The audit log was altered.</strong>
          <span>
            The chain breaks at event {data.seq}: {data.problem}.
          </span>
        </div>
      </div>
    );
  }
  return (
    <Note kind={data === undefined ? "info" : "good"}>
      <div className="chain" role="status">
        {data === undefined || isFetching ? (
          <span>Checking the chain from its beginning…</span>
        ) : (
          <>
            <span>
              <strong>Chain verified:</strong> {data.events.toLocaleString("en")}{" "}
              {data.events === 1 ? "event is" : "events are"} unaltered. Keep the last hash elsewhere to prove it later:
            </span>
            <span className="chain-hash">
              <code>{data.last_hash}</code>
              <CopyButton isIcon text={data.last_hash ?? ""} label="Copy the last hash" />
            </span>
          </>
        )}
        <button type="button" className="text-button" onClick={() => void refetch()}>
          Check again
        </button>
      </div>
    </Note>
  );
}
