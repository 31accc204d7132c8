import { Button } from "@mantine/core";
import type { Versioned } from "../../../api/client.ts";
import type { PublicKey } from "../../../api/registry.ts";
import { keyFileName } from "../../../snippets/snippets.ts";
import { CopyButton } from "../../../ui/copy-button.tsx";
import { Dialog } from "../../../ui/dialog.tsx";
import { ExactTime } from "../../../ui/exact-time.tsx";
import { Icon } from "../../../ui/icon.tsx";
import { Note } from "../../../ui/problem.tsx";

/** Shows the added key. If the pair was made here, this is the last chance to download the private key. */
export function KeyAdded({
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
          <dt>Possession</dt>
          <dd>{publicKey.proved_at === null ? "not proved" : "proved"}</dd>
          {publicKey.expires_at === null ? null : (
            <>
              <dt>Expires</dt>
              <dd>
                <ExactTime atMs={Date.parse(publicKey.expires_at)} />
              </dd>
            </>
          )}
        </dl>
        {download === undefined ? null : (
          <Note kind="warning">
            <div className="stack-close">
              <span>
                The private key is in your downloads as <bdi className="mono">{keyFileName(publicKey.username)}</bdi>.
                Give it only to the client. You can't download it again after closing this dialog.
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
        <p className="soft">The client can exchange assertions now. “Use it” on this page shows code for it.</p>
        <div className="dialog-foot">
          <Button data-autofocus onClick={onClose}>
            {download === undefined ? "Done" : "I have stored the private key"}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
