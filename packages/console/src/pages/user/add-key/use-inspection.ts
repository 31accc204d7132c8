import { isPrivateKey } from "@countersign/protocol";
import { useEffect, useState } from "react";
import { type InspectedKey, inspectKey } from "../../../api/registry.ts";

/** How long a pasted key waits for the next keystroke before it is inspected, in milliseconds. */
const TYPING_MS = 300;

/** What is known about the pasted text. */
export interface Inspection {
  readonly isPrivate: boolean;
  readonly isInspecting: boolean;
  readonly key: InspectedKey | undefined;
  readonly error: Error | undefined;
}

/** Has the server inspect a pasted key once the operator stops typing. It never sends a private key. */
export function useInspection(text: string): Inspection {
  const [result, setResult] = useState<{ text: string; key?: InspectedKey; error?: Error }>();
  const isPrivate = isPrivateKey(text);
  const isEmpty = text.trim() === "";
  useEffect(() => {
    if (isPrivate || isEmpty) return;
    const gone = new AbortController();
    const timer = setTimeout(() => {
      inspectKey(text, gone.signal).then(
        (key) => setResult({ text, key }),
        (error: unknown) => {
          if (!gone.signal.aborted) setResult({ text, error: error as Error });
        },
      );
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
      gone.abort();
    };
  }, [text, isPrivate, isEmpty]);
  const current = result?.text === text ? result : undefined;
  return {
    isPrivate,
    isInspecting: !isPrivate && !isEmpty && current === undefined,
    key: current?.key,
    error: current?.error,
  };
}
