import { Tabs } from "@mantine/core";
import { CopyButton } from "../../ui/copy-button.tsx";
import { makeSnippets, type SnippetSubject } from "../../snippets/snippets.ts";
import { t } from "../../text/t.ts";
import { T } from "../../ui/t.tsx";

/** Client code for this API user, one tab per language. */
export function UseIt(subject: SnippetSubject) {
  const snippets = makeSnippets(subject);
  return (
    <div className="card use-it">
      <Tabs defaultValue="curl" keepMounted={false}>
        <Tabs.List aria-label={t("user.language")}>
          {snippets.map(({ language }) => (
            <Tabs.Tab key={language} value={language}>
              {language}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {snippets.map(({ language, needs, fileName, code }) => (
          <Tabs.Panel key={language} value={language}>
            <div className="use-it-head">
              <span>
                <T id="user.needs" values={{ fileName: <code>{fileName}</code>, needs }} />
              </span>
              <CopyButton text={code} label={t("common.copy")} />
            </div>
            <pre tabIndex={0} aria-label={t("user.codeIn", { language })} role="region">
              <code>{code}</code>
            </pre>
          </Tabs.Panel>
        ))}
      </Tabs>
    </div>
  );
}
