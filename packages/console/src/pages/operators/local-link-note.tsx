import { T } from "../../ui/t.tsx";

/** Warns that only a browser on the server's machine can open the link, and says what to set. */
export function LocalLinkNote() {
  return (
    <strong>
      {" "}
      <T id="operators.localLink" values={{ code: (words) => <code>{words}</code> }} />
    </strong>
  );
}
