import { Button, Checkbox, Textarea } from "@mantine/core";
import type { ReactNode } from "react";
import { useKeyChallenge } from "../../../api/keys.ts";
import { proofCommand } from "../../../snippets/proof-command.ts";
import { keyFileName } from "../../../snippets/key-file-name.ts";
import { CopyButton } from "../../../ui/copy-button.tsx";
import { Icon } from "../../../ui/icon.tsx";
import { Bone } from "../../../ui/page.tsx";
import { Problem } from "../../../ui/problem.tsx";
import { RelativeTime } from "../../../ui/relative-time.tsx";
import { proofSubject } from "./proof-subject.ts";
import { t } from "../../../text/t.ts";
import { T } from "../../../ui/t.tsx";

/** In characters, longer than any proof. */
const PROOF_CHARACTERS_MAX = 8192;

/**
 * Asks for a proof that the holder of a pasted public key has its private key: commands to run where that is, and a field for what
 * they print.
 */
export function ProvePossession({
  username,
  isRequired,
  proof,
  onChange,
  problem,
}: {
  readonly username: string;
  readonly isRequired: boolean;
  /** `undefined` if the key is added without a proof. */
  readonly proof: string | undefined;
  readonly onChange: (proof: string | undefined) => void;
  readonly problem: ReactNode;
}) {
  const isAsked = isRequired || proof !== undefined;
  return (
    <fieldset className="stack-close">
      <legend>{t("user.proofOfPossession")}</legend>
      {isRequired ? (
        <p className="soft">{t("user.proofRequired")}</p>
      ) : (
        <Checkbox
          label={t("user.proveTitle")}
          description={t("user.proofOptional")}
          checked={isAsked}
          onChange={(event) => onChange(event.currentTarget.checked ? "" : undefined)}
        />
      )}
      {isAsked ? (
        <>
          <Challenge username={username} />
          <Textarea
            label={t("user.proof")}
            description={t("user.proofHint")}
            rows={3}
            maxLength={PROOF_CHARACTERS_MAX}
            spellCheck={false}
            autoComplete="off"
            classNames={{ input: "mono" }}
            value={proof ?? ""}
            error={problem}
            onChange={(event) => onChange(event.currentTarget.value)}
          />
        </>
      ) : null}
    </fieldset>
  );
}

function Challenge({ username }: { readonly username: string }) {
  const { data, error, isFetching, refetch } = useKeyChallenge(username, { isEnabled: true });
  if (error !== null) return <Problem error={error} retry={() => void refetch()} />;
  if (data === undefined) return <Bone width="100%" height={120} />;
  const command = proofCommand(proofSubject(data));
  return (
    <>
      <p className="soft">
        <T
          id="user.proofCommandsAbout"
          values={{
            username: <bdi className="mono">{keyFileName(username)}</bdi>,
            expiresAt: <RelativeTime at={data.expires_at} />,
          }}
        />
      </p>
      <pre className="command" tabIndex={0} role="region" aria-label={t("user.commandsThatPrintTheProof")}>
        <code>{command}</code>
      </pre>
      <div className="row">
        <CopyButton text={command} label={t("user.copyCommands")} />
        <Button
          variant="default"
          size="xs"
          loading={isFetching}
          leftSection={<Icon name="right" size={14} />}
          onClick={() => void refetch()}
        >
          {t("user.newNonce")}
        </Button>
      </div>
    </>
  );
}
