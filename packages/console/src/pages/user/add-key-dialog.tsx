import { isPrivateKey, keyTextOfBytes } from "@countersign/protocol";
import { Button, Textarea, TextInput } from "@mantine/core";
import { type DragEvent, type FormEvent, useEffect, useRef, useState } from "react";
import { ApiError } from "../../api/api-error.ts";
import type { Versioned } from "../../api/client.ts";
import { addKey, type InspectedKey, inspectKey, type PublicKey, useChange } from "../../api/registry.ts";
import { canMakeKeyPair, KEY_BITS, type KeyBits, type KeyPair, makeKeyPair } from "../../key/key-pair.ts";
import { CopyButton } from "../../ui/copy-button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { type Expiry, ExpiryField, expiresAt } from "../../forms/expiry-field.tsx";
import { Icon } from "../../ui/icon.tsx";
import { useIdempotencyKey } from "../../forms/idempotency-key.ts";
import { Note, Problem } from "../../ui/problem.tsx";
import { Segments } from "../../ui/segments.tsx";
import { keyFileName } from "../../snippets/snippets.ts";

/** How long nobody types before a pasted key is looked at, in milliseconds. */
const TYPING_MS = 300;

/** No public key's text is longer, in bytes. A larger file isn't read. */
const FILE_BYTES_MAX = 65_536;

/** Adds a public key: pasted, dropped, or of a pair that is made here, whose private half goes nowhere but into a file. */
export function AddKeyDialog({ username, onClose }: { readonly username: string; readonly onClose: () => void }) {
  const [way, setWay] = useState<"paste" | "make">("paste");
  const [text, setText] = useState("");
  const [label, setLabel] = useState("");
  const [expiry, setExpiry] = useState<Expiry>({ kind: "never", date: "" });
  const [isAskingToClose, setIsAskingToClose] = useState(false);
  const idempotencyKey = useIdempotencyKey();
  const pair = useKeyPair(keyFileName(username));
  const look = useInspection(way === "paste" ? text : "");

  const creation = useChange(() => {
    const publicKey = way === "make" ? (pair.made?.publicPem ?? "") : text;
    // The last check before the network: whatever the page believed until here, a private key isn't sent.
    if (isPrivateKey(publicKey)) throw new Error("This is a private key. It wasn't sent anywhere.");
    const until = expiresAt(expiry, Date.now());
    return addKey(
      username,
      {
        public_key: publicKey,
        ...(label.trim() === "" ? {} : { label: label.trim() }),
        ...(until === undefined ? {} : { expires_at: until }),
      },
      idempotencyKey,
    );
  });
  const refusal = creation.error instanceof ApiError ? creation.error : undefined;
  const isKept = pair.made === undefined || pair.isDownloaded;

  function close(): void {
    if (isKept) onClose();
    else setIsAskingToClose(true);
  }

  function submit(event: FormEvent): void {
    event.preventDefault();
    // Before the public half is anywhere: a key in the registry whose private half is lost helps nobody.
    if (way === "make" && !pair.isDownloaded) pair.download();
    creation.mutate();
  }

  if (isAskingToClose) {
    return (
      <Dialog title="Close without the private key?" onClose={() => setIsAskingToClose(false)}>
        <div className="stack">
          <p className="soft">
            The private key that was made here hasn't been downloaded. It is only in this page: once the dialog closes,
            nobody can get it back.
          </p>
          <div className="dialog-foot">
            <Button variant="default" onClick={onClose}>
              Close without it
            </Button>
            <Button
              data-autofocus
              leftSection={<Icon name="download" />}
              onClick={() => {
                pair.download();
                setIsAskingToClose(false);
              }}
            >
              Download it
            </Button>
          </div>
        </div>
      </Dialog>
    );
  }
  if (creation.data !== undefined) {
    return <Added added={creation.data} download={way === "make" ? pair.download : undefined} onClose={onClose} />;
  }

  const isReady = way === "make" ? pair.made !== undefined : look.key !== undefined;
  return (
    <Dialog
      title={
        <>
          Add a key to <bdi>{username}</bdi>
        </>
      }
      onClose={close}
      size={560}
    >
      <form className="stack" onSubmit={submit}>
        <Segments
          label="Where the key is from"
          value={way}
          onChange={setWay}
          options={[
            ["paste", "Paste a public key"],
            ["make", "Make a pair here"],
          ]}
        />
        {way === "paste" ? (
          <PasteKey text={text} onChange={setText} look={look} />
        ) : (
          <MakePair pair={pair} fileName={keyFileName(username)} />
        )}
        {isReady ? (
          <>
            <TextInput
              label="Label"
              description="For people: where the private key is, or what for. Optional."
              maxLength={200}
              value={label}
              error={refusal?.fieldMessage("label")}
              onChange={(event) => setLabel(event.currentTarget.value)}
            />
            <ExpiryField value={expiry} onChange={setExpiry} error={refusal?.fieldMessage("expires_at")} />
          </>
        ) : null}
        {creation.error !== null &&
        refusal?.fieldMessage("label") === undefined &&
        refusal?.fieldMessage("expires_at") === undefined ? (
          <Problem error={creation.error} />
        ) : null}
        <div className="dialog-foot">
          <Button variant="default" onClick={close}>
            Cancel
          </Button>
          <Button type="submit" disabled={!isReady} loading={creation.isPending}>
            {way === "make" && !pair.isDownloaded ? "Download private key, add public key" : "Add key"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

/** The last look at it: what was added, and, where the pair was made here, once more the private half. */
function Added({
  added: { value: publicKey, warnings },
  download,
  onClose,
}: {
  readonly added: Versioned<PublicKey>;
  readonly download: (() => void) | undefined;
  readonly onClose: () => void;
}) {
  return (
    <Dialog title="The key is added" onClose={onClose}>
      <div className="stack">
        <dl className="facts">
          <dt>Fingerprint</dt>
          <dd>
            <code>{publicKey.fingerprint}</code>{" "}
            <CopyButton isIcon text={publicKey.fingerprint} label="Copy fingerprint" />
          </dd>
          <dt>Strength</dt>
          <dd>{publicKey.bits} bits</dd>
        </dl>
        {download === undefined ? null : (
          <Note kind="warning">
            <div className="stack-close">
              <span>
                The private key is in your downloads as <bdi className="mono">{keyFileName(publicKey.username)}</bdi>.
                Give it to the client and to nobody else. It can't be had again once this is closed.
              </span>
              <span>
                <Button variant="default" size="xs" leftSection={<Icon name="download" size={14} />} onClick={download}>
                  Download again
                </Button>
              </span>
            </div>
          </Note>
        )}
        {warnings.map((warning) => (
          <Note kind="warning" key={warning}>
            {warning}
          </Note>
        ))}
        <p className="soft">The client can exchange assertions now. “Use it” on this page has the code for it.</p>
        <div className="dialog-foot">
          <Button data-autofocus onClick={onClose}>
            {download === undefined ? "Done" : "I have stored the private key"}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}

/** What is known of the pasted text. */
interface Inspection {
  readonly isPrivate: boolean;
  readonly isLooking: boolean;
  readonly key: InspectedKey | undefined;
  readonly error: Error | undefined;
}

/** Asks what a pasted key is, once nobody types any more. A private key is never sent. */
function useInspection(text: string): Inspection {
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
    isLooking: !isPrivate && !isEmpty && current === undefined,
    key: current?.key,
    error: current?.error,
  };
}

function PasteKey({
  text,
  onChange,
  look,
}: {
  readonly text: string;
  readonly onChange: (text: string) => void;
  readonly look: Inspection;
}) {
  const [isOver, setIsOver] = useState(false);
  const [wasPrivate, setWasPrivate] = useState(false);
  const [fileProblem, setFileProblem] = useState<string>();
  const file = useRef<HTMLInputElement>(null);

  function take(next: string): void {
    setFileProblem(undefined);
    // It doesn't stay in the field either, where it would be read over a shoulder or by an extension.
    setWasPrivate(isPrivateKey(next));
    onChange(isPrivateKey(next) ? "" : next);
  }

  async function takeFile(chosen: File | undefined): Promise<void> {
    if (chosen === undefined) return;
    if (chosen.size > FILE_BYTES_MAX) {
      setFileProblem("The file is too large to be a public key.");
      return;
    }
    take(keyTextOfBytes(new Uint8Array(await chosen.arrayBuffer())));
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
          if (dropped === undefined) take(event.dataTransfer.getData("text"));
          else void takeFile(dropped);
        }}
      >
        <Textarea
          label="Public key"
          description="PEM, certificate, JWK or an OpenSSH line; or drop a file here. RSA, 2048 bits or more."
          placeholder="-----BEGIN PUBLIC KEY-----"
          rows={7}
          spellCheck={false}
          autoComplete="off"
          data-autofocus
          value={text}
          onChange={(event) => take(event.currentTarget.value)}
        />
      </div>
      <div className="row">
        <Button
          variant="default"
          size="xs"
          leftSection={<Icon name="upload" size={14} />}
          onClick={() => file.current?.click()}
        >
          Choose a file
        </Button>
        <input
          ref={file}
          type="file"
          hidden
          aria-label="Public key file"
          tabIndex={-1}
          onChange={(event) => {
            void takeFile(event.currentTarget.files?.[0]);
            event.currentTarget.value = "";
          }}
        />
      </div>
      <div className="verdict" role="status">
        {wasPrivate ? (
          <Note kind="warning">
            <strong>That was a private key.</strong> It wasn't sent anywhere and is out of the field again, but a
            private key that is copied around should be considered exposed: make a new key pair, keep the private half
            where it was made, and add only the public half. <code>openssl pkey -in private.pem -pubout</code> prints
            it.
          </Note>
        ) : fileProblem !== undefined ? (
          <Note kind="warning">{fileProblem}</Note>
        ) : look.key !== undefined ? (
          <Note kind="good">
            RSA, {look.key.bits} bits, <code>{look.key.fingerprint}</code>
          </Note>
        ) : look.error !== undefined ? (
          <Problem error={look.error} />
        ) : look.isLooking ? (
          <span className="faint">Looking at it…</span>
        ) : null}
      </div>
    </div>
  );
}

type HeldPair = ReturnType<typeof useKeyPair>;

/** A pair that is made here, and forgotten when the dialog goes. What React holds of it is the public half. */
function useKeyPair(fileName: string) {
  const pair = useRef<KeyPair>(undefined);
  const [made, setMade] = useState<{ publicPem: string; bits: KeyBits }>();
  const [isDownloaded, setIsDownloaded] = useState(false);
  const [isMaking, setIsMaking] = useState(false);
  const isGone = useRef(false);
  useEffect(() => {
    isGone.current = false;
    return () => {
      isGone.current = true;
      pair.current?.forget();
      pair.current = undefined;
    };
  }, []);
  // Closing the tab would lose it as well.
  const isAtRisk = made !== undefined && !isDownloaded;
  useEffect(() => {
    if (!isAtRisk) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [isAtRisk]);

  return {
    made,
    isDownloaded,
    isMaking,
    make: async (bits: KeyBits): Promise<void> => {
      setIsMaking(true);
      const next = await makeKeyPair(bits);
      if (isGone.current) {
        next.forget();
        return;
      }
      pair.current?.forget();
      pair.current = next;
      setMade({ publicPem: next.publicPem, bits });
      setIsDownloaded(false);
      setIsMaking(false);
    },
    download: (): void => {
      pair.current?.download(fileName);
      setIsDownloaded(true);
    },
  };
}

function MakePair({ pair, fileName }: { readonly pair: HeldPair; readonly fileName: string }) {
  const [bits, setBits] = useState<KeyBits>(2048);
  if (!canMakeKeyPair()) {
    return (
      <Note>
        Browsers make keys only over https or at localhost. Make the pair where the client runs, and paste its public
        half:
        <br />
        <code>openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out private.pem</code>
        <br />
        <code>openssl pkey -in private.pem -pubout</code>
      </Note>
    );
  }
  return (
    <div className="stack-close">
      <p className="soft">
        The pair is made in this browser. Its private half is offered to you as a file, and is never sent to the server.
      </p>
      <div className="made">
        <div className="row">
          <Segments
            label="Strength"
            value={String(bits) as `${KeyBits}`}
            onChange={(value) => setBits(Number(value) as KeyBits)}
            options={KEY_BITS.map((each) => [`${each}`, `${each} bits`] as const)}
          />
          <Button
            variant={pair.made === undefined ? "filled" : "default"}
            loading={pair.isMaking}
            onClick={() => void pair.make(bits)}
          >
            {pair.made === undefined ? "Make the pair" : "Make another"}
          </Button>
        </div>
        <div role="status">
          {pair.made === undefined ? (
            <span className="faint">It takes a moment; with 4096 bits a few seconds.</span>
          ) : (
            <div className="made-file">
              <div>
                <bdi className="mono">{fileName}</bdi>
                <div className="faint">
                  Private key, {pair.made.bits} bits, {pair.isDownloaded ? "downloaded" : "not downloaded yet"}
                </div>
              </div>
              <Button
                variant="default"
                size="xs"
                leftSection={<Icon name="download" size={14} />}
                onClick={pair.download}
              >
                {pair.isDownloaded ? "Download again" : "Download"}
              </Button>
            </div>
          )}
        </div>
      </div>
    </div>
  );
}
