/** The schemas that the admin API's OpenAPI document names, so that a generated client has types such as `User`. */
import { ErrorItem, Meta, Refusal, WarningItem } from "../docs/envelope-schemas.ts";
import { PageMeta } from "./http/openapi.ts";
import { Account, NewAccount, AccountPatch } from "./accounts/schemas.ts";
import { AdminToken, AdminTokenWithSecret, NewAdminToken } from "./admin-tokens/schemas.ts";
import { AuditEvent, ChainReport } from "./audit/schemas.ts";
import {
  DeviceApproval,
  DeviceCode,
  DeviceSignIn,
  DeviceVerdict,
  NewDeviceSignIn,
  StartedDeviceSignIn,
  UserCode,
} from "./device-sign-ins/schemas.ts";
import { Diagnosis } from "./doctor/schemas.ts";
import { Explanation, TokenReport, AssertionText, TokenText } from "./explain/schemas.ts";
import { DeactivatedKeys, DeactivatedUsers, KeysToDeactivate, UsersToDeactivate } from "./deactivations/schemas.ts";
import { NewImport, ImportResult } from "./imports/schemas.ts";
import { Invitation, InvitationWithLink, NewInvitation } from "./invitations/schemas.ts";
import { PublicKey, InspectedKey, KeyChallenge, NewKey, KeyText, KeyPatch } from "./keys/schemas.ts";
import { InvitationLook, LinkText, InvitationPasskeyQuestion, InvitationAnswer } from "./links/schemas.ts";
import {
  CommandLine,
  Session,
  Passkey,
  Me,
  WebauthnOptions,
  RecoveryCodes,
  PasswordChange,
  NewPasskey,
} from "./me/schemas.ts";
import { Operator, OperatorPatch } from "./operators/schemas.ts";
import { Overview } from "./overview/schemas.ts";
import { RegistryPlan, AppliedRegistry } from "./registry/schemas.ts";
import {
  ResourceServer,
  ResourceServerWithSecret,
  NewResourceServer,
  ResourceServerPatch,
  SecretRotation,
} from "./resource-servers/schemas.ts";
import { Setting } from "./settings/schemas.ts";
import { SignInOptions, PasswordSignIn, PasskeyAnswer, RecoverySignIn } from "./sign-in/schemas.ts";
import { SigningKey, Node, SigningKeyPatch } from "./signing-keys/schemas.ts";
import { Impact, UsageHours } from "./usage/schemas.ts";
import { ApiUser, NewUser, UserPatch } from "./users/schemas.ts";
import {
  Webhook,
  WebhookWithSecret,
  NewWebhook,
  WebhookPatch,
  WebhookRotation,
  WebhookTestResult,
  WebhookDelivery,
} from "./webhooks/schemas.ts";

/** By the names in `components.schemas`, which generated clients show: a name that was published isn't changed. */
export const NAMED_SCHEMAS: Readonly<Record<string, object>> = {
  ErrorItem,
  WarningItem,
  Meta,
  PageMeta,
  Refusal,
  Account,
  NewAccount,
  AccountPatch,
  AdminToken,
  AdminTokenWithSecret,
  NewAdminToken,
  Event: AuditEvent,
  ChainReport,
  CommandLine,
  NewDeviceSignIn,
  StartedDeviceSignIn,
  DeviceCode,
  DeviceVerdict,
  UserCode,
  DeviceSignIn,
  DeviceApproval,
  Diagnosis,
  Explanation,
  TokenReport,
  AssertionText,
  TokenText,
  NewImport,
  ImportResult,
  UsersToDeactivate,
  DeactivatedUsers,
  KeysToDeactivate,
  DeactivatedKeys,
  Invitation,
  InvitationWithLink,
  NewInvitation,
  Key: PublicKey,
  InspectedKey,
  KeyChallenge,
  NewKey,
  KeyText,
  KeyPatch,
  InvitationLook,
  LinkText,
  InvitationPasskeyQuestion,
  InvitationAnswer,
  Session,
  Passkey,
  Me,
  WebauthnOptions,
  RecoveryCodes,
  PasswordChange,
  NewPasskey,
  Operator,
  OperatorPatch,
  Overview,
  RegistryPlan,
  AppliedRegistry,
  ResourceServer,
  ResourceServerWithSecret,
  NewResourceServer,
  ResourceServerPatch,
  SecretRotation,
  Setting,
  SignInOptions,
  PasswordSignIn,
  PasskeyAnswer,
  RecoverySignIn,
  SigningKey,
  Node,
  SigningKeyPatch,
  Impact,
  UsageHours,
  User: ApiUser,
  NewUser,
  UserPatch,
  Webhook,
  WebhookWithSecret,
  NewWebhook,
  WebhookPatch,
  WebhookRotation,
  WebhookTestResult,
  WebhookDelivery,
};
