import { ActionIcon, Button } from "@mantine/core";
import { useEffect, useState } from "react";
import { Icon } from "./icon.tsx";
import { t } from "../text/t.ts";

/** How long the button shows that it has copied, in milliseconds. */
const SHOWN_MS = 2000;

/** Copies a text with one click. @param label what is copied, also for screen readers: "Copy fingerprint" */
export function CopyButton({
  text,
  label,
  isIcon = false,
}: {
  readonly text: string;
  readonly label: string;
  readonly isIcon?: boolean;
}) {
  const [isCopied, setIsCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setIsCopied(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const copy = async () => setIsCopied(await copyText(text));
  const status = (
    <span className="visually-hidden" role="status">
      {isCopied ? t("ui.copied") : ""}
    </span>
  );
  if (isIcon) {
    return (
      <>
        <ActionIcon
          variant="subtle"
          color="gray"
          size={24}
          aria-label={label}
          title={label}
          onClick={() => void copy()}
        >
          <Icon name={isCopied ? "check" : "copy"} size={14} />
        </ActionIcon>
        {status}
      </>
    );
  }
  return (
    <>
      <Button
        variant="default"
        size="xs"
        leftSection={<Icon name={isCopied ? "check" : "copy"} size={14} />}
        onClick={() => void copy()}
      >
        {isCopied ? t("ui.copied") : label}
      </Button>
      {status}
    </>
  );
}

/** @returns whether the text is in the clipboard now */
async function copyText(text: string): Promise<boolean> {
  try {
    // Browsers have no clipboard API for pages loaded over plain http from another machine.
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "visually-hidden";
    // Inside the open dialog, because its focus trap would otherwise clear the selection.
    (document.activeElement?.parentElement ?? document.body).append(area);
    area.select();
    const isCopied = document.execCommand("copy");
    area.remove();
    return isCopied;
  }
}
