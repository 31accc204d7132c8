import { Button } from "@mantine/core";
import { useState } from "react";
import { canMakeKeyPair, KEY_BITS, type KeyBits } from "../../../key/key-pair.ts";
import { Icon } from "../../../ui/icon.tsx";
import { Note } from "../../../ui/problem.tsx";
import { Segments } from "../../../ui/segments.tsx";
import type { HeldPair } from "./use-key-pair.ts";

/** Makes a key pair in the browser and offers the private key for download. */
export function MakePair({ pair, fileName }: { readonly pair: HeldPair; readonly fileName: string }) {
  const [bits, setBits] = useState<KeyBits>(2048);
  if (!canMakeKeyPair()) {
    return (
      <Note>
        Browsers make keys only over https or on localhost. Make the key pair where the client runs, and paste the
        public key:
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
        The key pair is made in this browser. You download the private key as a file; it is never sent to the server.
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
            <span className="faint">This takes a moment; 4096 bits take a few seconds.</span>
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
