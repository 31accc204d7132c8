/**
 * The console: what operators see of Countersign. Pages of the admin API and nothing else; it holds no rule of its own about who
 * may do what, and no secret longer than it is shown.
 *
 * `api/` asks the admin API, `session/` knows whether somebody is signed in, `pages/` has a folder for each page, `parts/` what
 * several of them share, `key/` and `snippets/` what happens in the browser alone.
 */
import { createTheme, MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiError } from "./api/api-error.ts";
import { App } from "./app.tsx";
import "./styles/mantine.css";
import "./styles/tokens.css";
import "./styles/base.css";

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5000,
      // Only what may be better the next moment is asked for again.
      retry: (failures, error) => error instanceof ApiError && [0, 503].includes(error.status) && failures < 2,
      // A server on this machine is there even where the browser believes itself offline.
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});

/**
 * No name, address or password is as long, in characters; the API says so in words where its own bound is lower. More than that,
 * pasted by mistake, would keep the browser busy for minutes: it looks at e-mail addresses itself.
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

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element with the id root");
createRoot(root).render(
  <StrictMode>
    {/* Variables and classes are in files: the Content-Security-Policy allows no <style>. */}
    <MantineProvider theme={theme} defaultColorScheme="auto" withCssVariables={false} withGlobalClasses={false}>
      <QueryClientProvider client={queries}>
        <App />
        <Notifications position="bottom-right" limit={4} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
