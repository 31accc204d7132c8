import { Button } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import { canMakeKeyPair, KEY_BITS, type KeyBits } from "../../../key/key-pair.ts";
import { Icon } from "../../../ui/icon.tsx";
import { Note } from "../../../ui/problem.tsx";
import { Segments } from "../../../ui/segments.tsx";
import type { HeldPair } from "./use-key-pair.ts";
import { t } from "../../../text/t.ts";
import { T } from "../../../ui/t.tsx";

/** Makes a key pair in the browser and offers the private key for download. */
export function MakePair({ pair, fileName }: { readonly pair: HeldPair; readonly fileName: string }) {
  const [bits, setBits] = useState<KeyBits>(2048);
  const button = useRef<HTMLButtonElement>(null);
  // While a pair is made, the button is disabled and loses the focus.
  useEffect(() => {
    if (pair.made !== undefined && document.activeElement === document.body) button.current?.focus();
  }, [pair.made]);
  if (!canMakeKeyPair()) {
    return (
      <Note>
        {t("user.noPairHere")}
        <br />
        <code>openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out private.pem</code>
        <br />
        <code>openssl pkey -in private.pem -pubout</code>
      </Note>
    );
  }
  return (
    <div className="stack-close">
      <p className="soft">{t("user.makePairAbout")}</p>
      <div className="made">
        <div className="row">
          <Segments
            label={t("common.strength")}
            value={String(bits) as `${KeyBits}`}
            onChange={(value) => setBits(Number(value) as KeyBits)}
            options={KEY_BITS.map((each) => [`${each}`, t("user.keyBits", { bits: each })] as const)}
          />
          <Button
            ref={button}
            variant={pair.made === undefined ? "filled" : "default"}
            loading={pair.isMaking}
            onClick={() => void pair.make(bits)}
          >
            {pair.made === undefined ? t("user.makeThePair") : t("user.makeAnother")}
          </Button>
        </div>
        <div role="status">
          {pair.made === undefined ? (
            <span className="faint">{t("user.makePairHint")}</span>
          ) : (
            <div className="made-file">
              <div>
                <bdi className="mono">{fileName}</bdi>
                <div className="faint">
                  <T
                    id="user.privateKeyBits"
                    values={{
                      bits: pair.made.bits,
                      isDownloaded: pair.isDownloaded ? "yes" : "no",
                    }}
                  />
                </div>
              </div>
              <Button
                variant="default"
                size="xs"
                leftSection={<Icon name="download" size={14} />}
                onClick={pair.download}
              >
                {pair.isDownloaded ? t("user.downloadAgain") : t("common.download")}
              </Button>
            </div>
          )}
        </div>
      </div>
    </div>
  );
}
