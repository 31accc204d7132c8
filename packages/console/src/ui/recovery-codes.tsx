import { Button } from "@mantine/core";
import { CopyButton } from "./copy-button.tsx";
import { Icon } from "./icon.tsx";
import { offerDownload } from "./offer-download.ts";
import { Stored } from "./secret-once.tsx";
import { t } from "../text/t.ts";
import "./recovery-codes.css";

/** Shows new recovery codes once, to copy or download. The operator can only continue by confirming that they are stored. */
export function RecoveryCodes({
  codes,
  onStored,
  next,
}: {
  readonly codes: readonly string[];
  readonly onStored: () => void;
  readonly next: string;
}) {
  const text = `${codes.join("\n")}\n`;
  return (
    <div className="stack">
      <ol className="recovery-codes">
        {codes.map((code) => (
          <li key={code}>{code}</li>
        ))}
      </ol>
      <div className="row">
        <CopyButton text={text} label={t("common.copy")} />
        <Button
          variant="default"
          size="xs"
          leftSection={<Icon name="download" size={14} />}
          onClick={() => offerDownload("countersign-recovery-codes.txt", text, "text/plain")}
        >
          {t("common.download")}
        </Button>
      </div>
      <Stored what="codes" next={next} onStored={onStored} />
    </div>
  );
}
