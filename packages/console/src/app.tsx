/** Which address shows which page. A page is loaded when it is first needed. */
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useEffect, useState } from "react";
import { Redirect, Route, Switch, useLocation, useSearch } from "wouter";
import { ApiError } from "./api/api-error.ts";
import { meQuery } from "./api/me.ts";
import { OverviewPage } from "./pages/overview/overview-page.tsx";
import { PageBoundary } from "./ui/page-boundary.tsx";
import { decodePart } from "./text/decode-part.ts";
import { lazyPage } from "./ui/lazy-page.tsx";
import { PageSkeleton } from "./ui/page-skeleton.tsx";
import { Problem } from "./ui/problem.tsx";
import { Mark } from "./ui/icon.tsx";
import { Shell } from "./shell/shell.tsx";
import { t } from "./text/t.ts";

const SignInPage = lazy(() => import("./pages/sign-in/sign-in-page.tsx"));
const LinkPage = lazy(() => import("./pages/link/link-page.tsx"));
const UsersPage = lazyPage(() => import("./pages/users/users-page.tsx"));
const UserPage = lazyPage(() => import("./pages/user/user-page.tsx"));
const KeysPage = lazyPage(() => import("./pages/keys/keys-page.tsx"));
const AccountsPage = lazyPage(() => import("./pages/accounts/accounts-page.tsx"));
const AccountPage = lazyPage(() => import("./pages/accounts/account-page.tsx"));
const ExplainPage = lazyPage(() => import("./pages/explain/explain-page.tsx"));
const AuditPage = lazyPage(() => import("./pages/audit/audit-page.tsx"));
const ResourceServersPage = lazyPage(() => import("./pages/resource-servers/resource-servers-page.tsx"));
const SigningKeysPage = lazyPage(() => import("./pages/signing-keys/signing-keys-page.tsx"));
const WebhooksPage = lazyPage(() => import("./pages/webhooks/webhooks-page.tsx"));
const WebhookPage = lazyPage(() => import("./pages/webhooks/webhook-page.tsx"));
const OperatorsPage = lazyPage(() => import("./pages/operators/operators-page.tsx"));
const AdminTokensPage = lazyPage(() => import("./pages/admin-tokens/admin-tokens-page.tsx"));
const DevicePage = lazyPage(() => import("./pages/device/device-page.tsx"));
const MePage = lazyPage(() => import("./pages/me/me-page.tsx"));
const HealthPage = lazyPage(() => import("./pages/health/health-page.tsx"));
const SettingsPage = lazyPage(() => import("./pages/settings/settings-page.tsx"));
const NotFoundPage = lazyPage(() => import("./pages/not-found/not-found-page.tsx"));

/** Which page an address shows at first. A page that isn't here is shown with a placeholder until its code is loaded. */
const FIRST_PAGES: readonly (readonly [address: RegExp, page: { readonly load: () => Promise<void> }])[] = [
  [/^\/users$/, UsersPage],
  [/^\/users\//, UserPage],
  [/^\/keys$/, KeysPage],
  [/^\/accounts$/, AccountsPage],
  [/^\/accounts\//, AccountPage],
  [/^\/explain$/, ExplainPage],
  [/^\/audit$/, AuditPage],
  [/^\/resource-servers$/, ResourceServersPage],
  [/^\/signing-keys$/, SigningKeysPage],
  [/^\/webhooks$/, WebhooksPage],
  [/^\/webhooks\//, WebhookPage],
  [/^\/operators$/, OperatorsPage],
  [/^\/admin-tokens$/, AdminTokensPage],
  [/^\/device$/, DevicePage],
  [/^\/me$/, MePage],
  [/^\/health$/, HealthPage],
  [/^\/settings$/, SettingsPage],
];

export function App() {
  return (
    <Switch>
      <Route path="/sign-in">
        <PageBoundary>
          <Suspense>
            <SignInPage />
          </Suspense>
        </PageBoundary>
      </Route>
      <Route path="/link">
        <PageBoundary>
          <Suspense>
            <LinkPage />
          </Suspense>
        </PageBoundary>
      </Route>
      <Route>
        <SignedIn />
      </Route>
    </Switch>
  );
}

/** The pages that need a signed-in operator. Anyone else is sent to the sign-in page, and back here afterwards. */
function SignedIn() {
  const { data: me, error, refetch } = useQuery(meQuery);
  const [path] = useLocation();
  const search = useSearch();
  const isCodeLoaded = useFirstPage(path);
  if (me === undefined) {
    if (error instanceof ApiError && error.status === 401) {
      const here = search === "" ? path : `${path}?${search}`;
      return <Redirect to={here === "/" ? "/sign-in" : `/sign-in?to=${encodeURIComponent(here)}`} replace />;
    }
    if (error === null) return <FirstLoad />;
    return (
      <main className="page">
        <h1>{t("common.countersign")}</h1>
        <Problem error={error} retry={() => void refetch()} />
      </main>
    );
  }
  if (!isCodeLoaded) return <FirstLoad />;
  return (
    <Shell>
      <PageBoundary key={path}>
        <Suspense fallback={<PageSkeleton />}>
          <Switch>
            <Route path="/">
              <OverviewPage />
            </Route>
            <Route path="/users">
              <UsersPage />
            </Route>
            <Route path="/users/:username">
              {({ username }) => {
                const name = decodePart(username);
                return name === undefined ? <NotFoundPage /> : <UserPage key={username} username={name} />;
              }}
            </Route>
            <Route path="/keys">
              <KeysPage />
            </Route>
            <Route path="/accounts">
              <AccountsPage />
            </Route>
            <Route path="/accounts/:shortname">
              {({ shortname }) => {
                const name = decodePart(shortname);
                return name === undefined ? <NotFoundPage /> : <AccountPage key={shortname} shortname={name} />;
              }}
            </Route>
            <Route path="/explain">
              <ExplainPage />
            </Route>
            <Route path="/audit">
              <AuditPage />
            </Route>
            <Route path="/resource-servers">
              <ResourceServersPage />
            </Route>
            <Route path="/signing-keys">
              <SigningKeysPage />
            </Route>
            <Route path="/webhooks">
              <WebhooksPage />
            </Route>
            <Route path="/webhooks/:id">
              {({ id }) => (/^[1-9][0-9]{0,8}$/.test(id) ? <WebhookPage key={id} id={Number(id)} /> : <NotFoundPage />)}
            </Route>
            <Route path="/operators">
              <OperatorsPage />
            </Route>
            <Route path="/admin-tokens">
              <AdminTokensPage />
            </Route>
            <Route path="/device">
              <DevicePage />
            </Route>
            <Route path="/me">
              <MePage />
            </Route>
            <Route path="/health">
              <HealthPage />
            </Route>
            <Route path="/settings">
              <SettingsPage />
            </Route>
            <Route>
              <NotFoundPage />
            </Route>
          </Switch>
        </Suspense>
      </PageBoundary>
    </Shell>
  );
}

/**
 * Loads the code of the first page while the server says who is signed in. @returns whether it is loaded; if it can't be, the page
 * says so itself
 */
function useFirstPage(path: string): boolean {
  const [first] = useState(() => FIRST_PAGES.find(([address]) => address.test(path))?.[1]);
  const [isLoaded, setIsLoaded] = useState(first === undefined);
  useEffect(() => {
    const load = async () => {
      // A page that can't be loaded says so itself.
      await first?.load().catch(() => undefined);
      setIsLoaded(true);
    };
    void load();
  }, [first]);
  return isLoaded;
}

/**
 * Shown until it is known who is signed in: nothing, so that the page is painted once. Only if that takes long, the brand appears.
 */
function FirstLoad() {
  return (
    <div className="first-load" role="status">
      <Mark size={40} />
      <span className="visually-hidden">{t("ui.loading")}</span>
    </div>
  );
}
