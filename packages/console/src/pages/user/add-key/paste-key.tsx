import { isPrivateKey, keyTextOfBytes } from "@countersign/protocol";
import { Button, Textarea } from "@mantine/core";
import { type DragEvent, useRef, useState } from "react";
import { Icon } from "../../../ui/icon.tsx";
import { Note } from "../../../ui/problem.tsx";
import { KeyProblem } from "./key-problem.tsx";
import type { Inspection } from "./use-inspection.ts";
import { t } from "../../../text/t.ts";
import { T } from "../../../ui/t.tsx";

/** In bytes, longer than the text of any public key. A larger file isn't read. */
const FILE_BYTES_MAX = 65_536;

/** The field for a public key: typed, pasted, dropped or chosen as a file. A private key is removed from it at once. */
export function PasteKey({
  text,
  onChange,
  inspection,
  refusal,
}: {
  readonly text: string;
  readonly onChange: (text: string) => void;
  readonly inspection: Inspection;
  /** Why the service didn't add the key, if the key itself is why. */
  readonly refusal: Error | undefined;
}) {
  const [isOver, setIsOver] = useState(false);
  const [wasPrivate, setWasPrivate] = useState(false);
  const [fileProblem, setFileProblem] = useState<string>();
  const file = useRef<HTMLInputElement>(null);

  function accept(next: string): void {
    setFileProblem(undefined);
    // It doesn't stay in the field, where an onlooker or a browser extension could read it.
    setWasPrivate(isPrivateKey(next));
    onChange(isPrivateKey(next) ? "" : next);
  }

  async function acceptFile(chosen: File | undefined): Promise<void> {
    if (chosen === undefined) return;
    if (chosen.size > FILE_BYTES_MAX) {
      setFileProblem(t("user.fileTooLarge"));
      return;
    }
    accept(keyTextOfBytes(new Uint8Array(await chosen.arrayBuffer())));
  }

  return (
    <div className="stack-close">
      <div
        className="drop"
        data-over={isOver || undefined}
        onDragOver={(event: DragEvent) => {
          event.preventDefault();
          setIsOver(true);
        }}
        onDragLeave={() => setIsOver(false)}
        onDrop={(event: DragEvent) => {
          event.preventDefault();
          setIsOver(false);
          const [dropped] = event.dataTransfer.files;
          if (dropped === undefined) accept(event.dataTransfer.getData("text"));
          else void acceptFile(dropped);
        }}
      >
        <Textarea
          label={t("user.publicKey")}
          description={t("user.publicKeyHint")}
          placeholder="-----BEGIN PUBLIC KEY-----"
          rows={7}
          spellCheck={false}
          autoComplete="off"
          data-autofocus
          value={text}
          onChange={(event) => accept(event.currentTarget.value)}
        />
      </div>
      <div className="row">
        <Button
          variant="default"
          size="xs"
          leftSection={<Icon name="upload" size={14} />}
          onClick={() => file.current?.click()}
        >
          {t("user.chooseAFile")}
        </Button>
        <input
          ref={file}
          type="file"
          hidden
          aria-label={t("user.publicKeyFile")}
          tabIndex={-1}
          onChange={(event) => {
            void acceptFile(event.currentTarget.files?.[0]);
            event.currentTarget.value = "";
          }}
        />
      </div>
      <div className="verdict" role="status">
        {wasPrivate ? (
          <Note kind="warning">
            <T
              id="user.wasPrivateKey"
              values={{ strong: (words) => <strong>{words}</strong>, code: (words) => <code>{words}</code> }}
            />
          </Note>
        ) : fileProblem !== undefined ? (
          <Note kind="warning">{fileProblem}</Note>
        ) : refusal !== undefined ? (
          <KeyProblem error={refusal} />
        ) : inspection.key !== undefined ? (
          <Note kind="good">
            <T
              id="user.rsaBits"
              values={{ bits: inspection.key.bits, fingerprint: <code>{inspection.key.fingerprint}</code> }}
            />
          </Note>
        ) : inspection.error !== undefined ? (
          <KeyProblem error={inspection.error} />
        ) : inspection.isInspecting ? (
          <span className="faint">{t("user.inspecting")}</span>
        ) : null}
      </div>
    </div>
  );
}
