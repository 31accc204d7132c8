import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import { ApiError } from "../api/api-error.ts";
import { Icon } from "./icon.tsx";
import { ServerText } from "./server-text.tsx";
import { t } from "../text/t.ts";
import { T } from "./t.tsx";
import "./problem.css";

/**
 * An error: its message and hint, a link to the documentation, and the request id to find it in the server's log. Screen readers
 * announce it when it appears.
 */
export function Problem({ error, retry }: { readonly error: Error; readonly retry?: (() => void) | undefined }) {
  const { hint, requestId, docs, code } = error instanceof ApiError ? error : ({} as Partial<ApiError>);
  return (
    <div className="problem" role="alert">
      <Icon name="alert" />
      <div className="problem-words">
        <strong>{requestId === undefined ? error.message : <ServerText>{error.message}</ServerText>}</strong>
        {hint === undefined ? null : <span>{requestId === undefined ? hint : <ServerText>{hint}</ServerText>}</span>}
        {requestId === undefined ? null : (
          <span className="problem-small">
            <T
              id="ui.problemFacts"
              values={{
                docs: docs === undefined ? code : <SafeLink href={docs}>{code ?? t("ui.why")}</SafeLink>,
                requestId: <code>{requestId}</code>,
              }}
            />
          </span>
        )}
      </div>
      {retry === undefined ? null : (
        <Button variant="default" size="xs" onClick={retry}>
          {t("ui.tryAgain")}
        </Button>
      )}
    </div>
  );
}

/** A link whose address came from a response: only http and https become links. */
function SafeLink({ href, children }: { readonly href: string; readonly children: ReactNode }) {
  if (!/^https?:/.test(href)) return children;
  return (
    <a href={href} target="_blank" rel="noreferrer">
      {children}
    </a>
  );
}

/** A remark next to the content. */
export function Note({
  kind = "info",
  children,
}: {
  readonly kind?: "info" | "warning" | "good";
  readonly children: ReactNode;
}) {
  const icon = { info: "info", warning: "alert", good: "check" } as const;
  return (
    <div className={`note note-${kind}`}>
      <Icon name={icon[kind]} />
      <div>{children}</div>
    </div>
  );
}
