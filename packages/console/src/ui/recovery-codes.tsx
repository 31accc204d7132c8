import { Button } from "@mantine/core";
import { CopyButton } from "./copy-button.tsx";
import { Icon } from "./icon.tsx";
import { offerDownload } from "../forms/offer-download.ts";
import { Stored } from "./secret-once.tsx";
import "./recovery-codes.css";

/** Recovery codes, which are shown this once: to copy, to download, and only then to go on. */
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
        <CopyButton text={text} label="Copy" />
        <Button
          variant="default"
          size="xs"
          leftSection={<Icon name="download" size={14} />}
          onClick={() => offerDownload("countersign-recovery-codes.txt", text, "text/plain")}
        >
          Download
        </Button>
      </div>
      <Stored what="the codes" next={next} onStored={onStored} />
    </div>
  );
}
