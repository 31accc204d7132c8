import { useEffect, useRef, useState } from "react";
import type { ProofSubject } from "../../../key/key-proof.ts";
import { type KeyBits, type KeyPair, makeKeyPair } from "../../../key/key-pair.ts";

/** A key pair while its dialog is open. */
export type HeldPair = ReturnType<typeof useKeyPair>;

/** Makes a key pair and forgets it when the dialog closes. React state holds only the public key. */
export function useKeyPair(fileName: string) {
  const pair = useRef<KeyPair>(undefined);
  const proof = useRef<string>(undefined);
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
  // Closing the tab would lose the private key too.
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
      proof.current = undefined;
      setMade({ publicPem: next.publicPem, bits });
      setIsDownloaded(false);
      setIsMaking(false);
    },
    /** Proves possession of the pair. The proof is made once, so that a repeated request is the same, until it is refused. */
    prove: async (challenge: () => Promise<ProofSubject>): Promise<string | undefined> => {
      proof.current ??= await pair.current?.prove(await challenge());
      return proof.current;
    },
    forgetProof: (): void => {
      proof.current = undefined;
    },
    download: (): void => {
      pair.current?.download(fileName);
      setIsDownloaded(true);
    },
  };
}
