import { Tabs } from "@mantine/core";
import { CopyButton } from "../../ui/copy-button.tsx";
import type { Snippet, SnippetSubject } from "../../snippets/snippet.ts";
import { makeSnippets } from "../../snippets/snippets.ts";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** Client code for this API user, one tab for each language, and for the SDK, OAuth and the call of an API. */
export function UseIt(subject: SnippetSubject) {
  const snippets = makeSnippets(subject);
  return (
    <div className="card use-it">
      <Tabs defaultValue="curl" keepMounted={false}>
        <Tabs.List aria-label={t("user.language")}>
          {snippets.map(({ name }) => (
            <Tabs.Tab key={name} value={name}>
              {titleOf(name)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {snippets.map(({ name, needs, fileName, code }) => (
          <Tabs.Panel key={name} value={name}>
            <div className="use-it-head">
              <span>
                <T id="user.needs" values={{ fileName: <code>{fileName}</code>, needs }} />
              </span>
              <CopyButton text={code} label={t("common.copy")} />
            </div>
            <pre tabIndex={0} aria-label={t("user.codeIn", { language: titleOf(name) })} role="region">
              <code>{code}</code>
            </pre>
          </Tabs.Panel>
        ))}
      </Tabs>
    </div>
  );
}

/** The title of a program's tab. */
function titleOf(name: Snippet["name"]): string {
  return name === "API" ? t("user.callAnApi") : name;
}
