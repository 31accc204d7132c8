/** Which address shows which page. A page is loaded when it is first needed. */
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense } from "react";
import { Redirect, Route, Switch, useLocation, useSearch } from "wouter";
import { ApiError } from "./api/api-error.ts";
import { meQuery } from "./api/me.ts";
import { OverviewPage } from "./pages/overview/overview-page.tsx";
import { PageBoundary } from "./ui/page-boundary.tsx";
import { decodePart } from "./text/decode-part.ts";
import { PageSkeleton } from "./ui/page-skeleton.tsx";
import { Problem } from "./ui/problem.tsx";
import { Shell } from "./shell/shell.tsx";
import { t } from "./text/t.ts";

const SignInPage = lazy(() => import("./pages/sign-in/sign-in-page.tsx"));
const LinkPage = lazy(() => import("./pages/link/link-page.tsx"));
const UsersPage = lazy(() => import("./pages/users/users-page.tsx"));
const UserPage = lazy(() => import("./pages/user/user-page.tsx"));
const KeysPage = lazy(() => import("./pages/keys/keys-page.tsx"));
const AccountsPage = lazy(() => import("./pages/accounts/accounts-page.tsx"));
const AccountPage = lazy(() => import("./pages/accounts/account-page.tsx"));
const ExplainPage = lazy(() => import("./pages/explain/explain-page.tsx"));
const AuditPage = lazy(() => import("./pages/audit/audit-page.tsx"));
const ResourceServersPage = lazy(() => import("./pages/resource-servers/resource-servers-page.tsx"));
const SigningKeysPage = lazy(() => import("./pages/signing-keys/signing-keys-page.tsx"));
const WebhooksPage = lazy(() => import("./pages/webhooks/webhooks-page.tsx"));
const WebhookPage = lazy(() => import("./pages/webhooks/webhook-page.tsx"));
const OperatorsPage = lazy(() => import("./pages/operators/operators-page.tsx"));
const AdminTokensPage = lazy(() => import("./pages/admin-tokens/admin-tokens-page.tsx"));
const MePage = lazy(() => import("./pages/me/me-page.tsx"));
const HealthPage = lazy(() => import("./pages/health/health-page.tsx"));
const SettingsPage = lazy(() => import("./pages/settings/settings-page.tsx"));
const NotFoundPage = lazy(() => import("./pages/not-found/not-found-page.tsx"));

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
  if (me === undefined) {
    if (error instanceof ApiError && error.status === 401) {
      const here = search === "" ? path : `${path}?${search}`;
      return <Redirect to={here === "/" ? "/sign-in" : `/sign-in?to=${encodeURIComponent(here)}`} replace />;
    }
    if (error === null)
      return (
        <Shell isWaiting>
          <PageSkeleton />
        </Shell>
      );
    return (
      <main className="page">
        <h1>{t("common.countersign")}</h1>
        <Problem error={error} retry={() => void refetch()} />
      </main>
    );
  }
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
