/** Warns that only a browser on the server's machine can open the link, and says what to set. */
export function LocalLinkNote() {
  return (
    <strong>
      {" "}
      This link works only on the machine that runs Countersign. Set <code>COUNTERSIGN_ADMIN_URL</code> to the address
      at which browsers reach the console, restart the server, and make a new link.
    </strong>
  );
}
