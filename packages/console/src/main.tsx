/**
 * The console: the pages on which operators administer Countersign. It is a client of the admin API and nothing else: it has no
 * rules of its own about permissions, and it keeps a secret only while it is shown.
 *
 * `api/` calls the admin API, `session/` tracks the operator's session, `pages/` has one folder per page. Pages share `ui/` (what
 * they show), `forms/` (what the operator fills in) and `text/` (wording, without React). `key/` and `snippets/` run in the browser
 * alone.
 */
import { createTheme, MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { queries } from "./api/queries.ts";
import { App } from "./app.tsx";
import { language } from "./text/t.ts";
import "./styles/mantine.css";
import "./styles/tokens.css";
import "./styles/base.css";

/**
 * In characters; longer than any name, address or password. The API has lower limits and explains them. Without a limit here, a long
 * text pasted by mistake would keep the browser busy for minutes, because it validates e-mail addresses itself.
 */
const FIELD_CHARACTERS_MAX = 1000;
const bounded = { defaultProps: { maxLength: FIELD_CHARACTERS_MAX } } as const;

const theme = createTheme({
  respectReducedMotion: true,
  cursorType: "pointer",
  components: {
    TextInput: bounded,
    PasswordInput: bounded,
    Modal: { defaultProps: { radius: "lg" } },
  },
});

// For hyphens, quotes and the voice of a screen reader.
document.documentElement.lang = language;

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element with the id root");
createRoot(root).render(
  <StrictMode>
    {/* Variables and classes come from files: the Content-Security-Policy allows no <style>. */}
    <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
      <QueryClientProvider client={queries}>
        <App />
        <Notifications position="bottom-right" limit={4} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
