/** Joins the handlers of all resources, as `routes.ts` joins their routes. */
import { createAccountHandlers, type RegistryHandlerDependencies } from "./accounts/handlers.ts";
import { createAdminTokenHandlers, type AdminTokenHandlerDependencies } from "./admin-tokens/handlers.ts";
import { createAuditHandlers, type AuditHandlerDependencies } from "./audit/handlers.ts";
import { createDeviceSignInHandlers, type DeviceSignInHandlerDependencies } from "./device-sign-ins/handlers.ts";
import { createDoctorHandlers, type DoctorHandlerDependencies } from "./doctor/handlers.ts";
import { createExplainHandlers, type ExplainHandlerDependencies } from "./explain/handlers.ts";
import { createInvitationHandlers, type InvitationHandlerDependencies } from "./invitations/handlers.ts";
import { createKeyHandlers, type KeyHandlerDependencies } from "./keys/handlers.ts";
import { createLinkHandlers, type LinkHandlerDependencies } from "./links/handlers.ts";
import { createOwnHandlers, type OwnHandlerDependencies } from "./me/handlers.ts";
import { createOperatorHandlers, type OperatorHandlerDependencies } from "./operators/handlers.ts";
import { createOverviewHandlers } from "./overview/handlers.ts";
import { createRegistryDocumentHandlers, type RegistryDocumentHandlerDependencies } from "./registry/handlers.ts";
import { createResourceServerHandlers, type ResourceServerHandlerDependencies } from "./resource-servers/handlers.ts";
import { createSettingsHandlers, type SettingsHandlerDependencies } from "./settings/handlers.ts";
import { createSignInHandlers, type SignInHandlerDependencies } from "./sign-in/handlers.ts";
import { createSigningKeyHandlers, type SigningKeyHandlerDependencies } from "./signing-keys/handlers.ts";
import { createSingleSignOnHandlers, type SingleSignOnHandlerDependencies } from "./single-sign-on/handlers.ts";
import { createUsageHandlers, type UsageHandlerDependencies } from "./usage/handlers.ts";
import { createDeactivationHandlers } from "./deactivations/handlers.ts";
import { createImportHandlers, type ImportHandlerDependencies } from "./imports/handlers.ts";
import { createUserHandlers } from "./users/handlers.ts";
import { createWebhookHandlers, type WebhookHandlerDependencies } from "./webhooks/handlers.ts";
import type { AdminHandlers } from "./routes.ts";

export type AdminHandlerDependencies = RegistryHandlerDependencies &
  AdminTokenHandlerDependencies &
  AuditHandlerDependencies &
  DeviceSignInHandlerDependencies &
  DoctorHandlerDependencies &
  ExplainHandlerDependencies &
  ImportHandlerDependencies &
  InvitationHandlerDependencies &
  KeyHandlerDependencies &
  LinkHandlerDependencies &
  OperatorHandlerDependencies &
  OwnHandlerDependencies &
  RegistryDocumentHandlerDependencies &
  ResourceServerHandlerDependencies &
  SettingsHandlerDependencies &
  SignInHandlerDependencies &
  SigningKeyHandlerDependencies &
  SingleSignOnHandlerDependencies &
  UsageHandlerDependencies &
  WebhookHandlerDependencies;

export function createAdminHandlers(dependencies: AdminHandlerDependencies): AdminHandlers {
  return {
    ...createAccountHandlers(dependencies),
    ...createAdminTokenHandlers(dependencies),
    ...createAuditHandlers(dependencies),
    ...createDeviceSignInHandlers(dependencies),
    ...createDoctorHandlers(dependencies),
    ...createExplainHandlers(dependencies),
    ...createInvitationHandlers(dependencies),
    ...createKeyHandlers(dependencies),
    ...createLinkHandlers(dependencies),
    ...createOwnHandlers(dependencies),
    ...createOperatorHandlers(dependencies),
    ...createOverviewHandlers(dependencies),
    ...createRegistryDocumentHandlers(dependencies),
    ...createResourceServerHandlers(dependencies),
    ...createSettingsHandlers(dependencies),
    ...createSignInHandlers(dependencies),
    ...createSigningKeyHandlers(dependencies),
    ...createSingleSignOnHandlers(dependencies),
    ...createUsageHandlers(dependencies),
    ...createUserHandlers(dependencies),
    ...createImportHandlers(dependencies),
    ...createDeactivationHandlers(dependencies),
    ...createWebhookHandlers(dependencies),
  };
}
