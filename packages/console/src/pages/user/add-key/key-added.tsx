import { Button } from "@mantine/core";
import type { Versioned } from "../../../api/client.ts";
import type { PublicKey } from "../../../api/registry.ts";
import { keyFileName } from "../../../snippets/key-file-name.ts";
import { CopyButton } from "../../../ui/copy-button.tsx";
import { Dialog } from "../../../ui/dialog.tsx";
import { ExactTime } from "../../../ui/exact-time.tsx";
import { Icon } from "../../../ui/icon.tsx";
import { Note } from "../../../ui/problem.tsx";
import { ServerText } from "../../../ui/server-text.tsx";
import { t } from "../../../text/t.ts";
import { T } from "../../../ui/t.tsx";

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
    <Dialog title={t("user.theKeyIsAdded")} onClose={onClose}>
      <div className="stack">
        <dl className="facts">
          <dt>{t("user.fingerprint")}</dt>
          <dd>
            <code>{publicKey.fingerprint}</code>{" "}
            <CopyButton isIcon text={publicKey.fingerprint} label={t("user.copyFingerprint")} />
          </dd>
          <dt>{t("common.strength")}</dt>
          <dd>
            <T id="user.keyBits" values={{ bits: publicKey.bits }} />
          </dd>
          <dt>{t("common.possession")}</dt>
          <dd>{publicKey.proved_at === null ? t("common.notProved") : t("common.proved")}</dd>
          {publicKey.expires_at === null ? null : (
            <>
              <dt>{t("common.expires")}</dt>
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
                <T
                  id="user.privateKeyDownloaded"
                  values={{ username: <bdi className="mono">{keyFileName(publicKey.username)}</bdi> }}
                />
              </span>
              <span>
                <Button variant="default" size="xs" leftSection={<Icon name="download" size={14} />} onClick={download}>
                  {t("user.downloadAgain")}
                </Button>
              </span>
            </div>
          </Note>
        )}
        {warnings.map((warning) => (
          <Note kind="warning" key={warning}>
            <ServerText>{warning}</ServerText>
          </Note>
        ))}
        <p className="soft">{t("user.keyAddedAbout")}</p>
        <div className="dialog-foot">
          <Button data-autofocus onClick={onClose}>
            {download === undefined ? t("common.done") : t("user.storedPrivateKey")}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
