import { isPrivateKey } from "@countersign/protocol";
import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import { ApiError } from "../../../api/api-error.ts";
import { createKeyChallenge } from "../../../api/keys.ts";
import { useMe } from "../../../api/me.ts";
import { useChange } from "../../../api/queries.ts";
import { addKey } from "../../../api/registry.ts";
import { Dialog } from "../../../ui/dialog.tsx";
import { type Expiry, ExpiryField, expiresAt } from "../../../forms/expiry-field.tsx";
import { Icon } from "../../../ui/icon.tsx";
import { useIdempotencyKey } from "../../../forms/idempotency-key.ts";
import { FormDialog, fieldProblem } from "../../../forms/form-dialog.tsx";
import { NetworksField } from "../../../forms/networks-field.tsx";
import { parseWords } from "../../../text/word-list.ts";
import { Segments } from "../../../ui/segments.tsx";
import { keyFileName } from "../../../snippets/key-file-name.ts";
import { KeyAdded } from "./key-added.tsx";
import { MakePair } from "./make-pair.tsx";
import { weaknessOf } from "./key-problem.tsx";
import { PasteKey } from "./paste-key.tsx";
import { proofSubject } from "./proof-subject.ts";
import { ProvePossession } from "./prove-possession.tsx";
import { useInspection } from "./use-inspection.ts";
import { useKeyPair } from "./use-key-pair.ts";
import { t } from "../../../text/t.ts";
import { T } from "../../../ui/t.tsx";

/**
 * Adds a public key: pasted, dropped, or of a key pair made here. The private key of that pair leaves the page only as a download.
 */
export function AddKeyDialog({ username, onClose }: { readonly username: string; readonly onClose: () => void }) {
  const [source, setSource] = useState<"paste" | "make">("paste");
  const [text, setText] = useState("");
  const [label, setLabel] = useState("");
  const [networks, setNetworks] = useState("");
  const [pastedProof, setPastedProof] = useState<string>();
  const [expiry, setExpiry] = useState<Expiry>({ kind: "never", date: "" });
  const [isAskingToClose, setIsAskingToClose] = useState(false);
  const { service } = useMe();
  const isProofRequired = service.key_proof === "required";
  const idempotencyKey = useIdempotencyKey();
  const pair = useKeyPair(keyFileName(username));
  const inspection = useInspection(source === "paste" ? text : "");

  const newSubject = async () => proofSubject(await createKeyChallenge(username));

  const creation = useChange(async () => {
    const publicKey = source === "make" ? (pair.made?.publicPem ?? "") : text;
    // The last check before the network: a private key is never sent, whatever went wrong before.
    if (isPrivateKey(publicKey)) throw new Error(t("user.isPrivateKey"));
    const until = expiresAt(expiry, Date.now());
    const given = source === "make" ? await pair.prove(newSubject) : pastedProof?.trim();
    const body = {
      public_key: publicKey,
      ...(label.trim() === "" ? {} : { label: label.trim() }),
      // Without an expiry, the maximum age of the account or the service applies.
      ...(typeof until === "string" ? { expires_at: until } : {}),
      ...(parseWords(networks).length === 0 ? {} : { networks: parseWords(networks) }),
      ...(given === undefined ? {} : { proof: given }),
    };
    try {
      return await addKey(username, body, idempotencyKey);
    } catch (error) {
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) pair.forgetProof();
      throw error;
    }
  });
  const isWeak = weaknessOf(creation.error) !== undefined;
  const isKept = pair.made === undefined || pair.isDownloaded;

  function close(): void {
    if (isKept) onClose();
    else setIsAskingToClose(true);
  }

  function submit(): void {
    // Before the public key is added: a registered key is useless if its private key is lost.
    if (source === "make" && !pair.isDownloaded) pair.download();
    creation.mutate(undefined);
  }

  if (isAskingToClose) {
    return (
      <Dialog title={t("user.closeWithoutKeyTitle")} onClose={() => setIsAskingToClose(false)}>
        <div className="stack">
          <p className="soft">{t("user.closeWithoutKeyAbout")}</p>
          <div className="dialog-foot">
            <Button variant="default" onClick={onClose}>
              {t("user.closeWithoutIt")}
            </Button>
            <Button
              data-autofocus
              leftSection={<Icon name="download" />}
              onClick={() => {
                pair.download();
                setIsAskingToClose(false);
              }}
            >
              {t("user.downloadIt")}
            </Button>
          </div>
        </div>
      </Dialog>
    );
  }
  if (creation.data !== undefined) {
    return (
      <KeyAdded added={creation.data} download={source === "make" ? pair.download : undefined} onClose={onClose} />
    );
  }

  const isKnown = source === "make" ? pair.made !== undefined : inspection.key !== undefined;
  const isProved = pastedProof === undefined ? !isProofRequired : pastedProof.trim() !== "";
  const isReady = isKnown && (source === "make" || isProved);
  return (
    <FormDialog
      title={<T id="user.addAKeyTo" values={{ username: <bdi>{username}</bdi> }} />}
      above={
        <>
          <Segments
            label={t("user.sourceOfTheKey")}
            value={source}
            onChange={setSource}
            options={[
              ["paste", t("user.pastePublicKey")],
              ["make", t("user.makePairHere")],
            ]}
          />
          {source === "paste" ? (
            <PasteKey
              text={text}
              onChange={(next) => {
                setText(next);
                creation.reset();
              }}
              inspection={inspection}
              refusal={isWeak ? (creation.error ?? undefined) : undefined}
            />
          ) : (
            <MakePair pair={pair} fileName={keyFileName(username)} />
          )}
          {isKnown ? (
            <>
              {source === "paste" ? (
                <ProvePossession
                  username={username}
                  isRequired={isProofRequired}
                  proof={pastedProof}
                  onChange={setPastedProof}
                  problem={fieldProblem(creation.error, "proof")}
                />
              ) : null}
              <TextInput
                label={t("common.label")}
                description={t("user.keyLabelHint")}
                maxLength={200}
                value={label}
                error={fieldProblem(creation.error, "label")}
                onChange={(event) => setLabel(event.currentTarget.value)}
              />
              <ExpiryField value={expiry} onChange={setExpiry} error={fieldProblem(creation.error, "expires_at")} />
              <NetworksField
                what="key"
                value={networks}
                problem={fieldProblem(creation.error, "networks")}
                onChange={setNetworks}
              />
            </>
          ) : null}
        </>
      }
      button={source === "make" && !pair.isDownloaded ? t("user.downloadAndAdd") : t("user.addKey")}
      isReady={isReady}
      change={creation}
      {...(isWeak && source === "paste" ? { error: null } : {})}
      fields={source === "paste" ? ["label", "expires_at", "networks", "proof"] : ["label", "expires_at", "networks"]}
      onSubmit={submit}
      onClose={close}
      size={560}
    />
  );
}
