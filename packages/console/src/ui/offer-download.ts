/** How long the browser has to start the download, in milliseconds. */
const STARTED_WITHIN_MS = 10_000;

/** Downloads a file made in the page, without any request. */
export function offerDownload(fileName: string, content: string, type: string): void {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), STARTED_WITHIN_MS);
}
