/** How long the browser has to take a file up, in milliseconds. */
const TAKEN_UP_MS = 10_000;

/** Offers a file that was made in the page, without asking any server. */
export function offerDownload(fileName: string, content: string, type: string): void {
  const address = URL.createObjectURL(new Blob([content], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), TAKEN_UP_MS);
}
