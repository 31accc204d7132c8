/** Command lines that operators sign in by the console. */
import { deviceSignInJson } from "../../../core/json/operators.ts";
import { isoTime } from "../../../core/json/registry.ts";
import { type DeviceSignIns, POLL_SECONDS } from "../../../core/operators/device-sign-ins.ts";
import type { RefusalLimit } from "../../server/refusal-limit.ts";
import type { HandlersOf } from "../http/handlers.ts";
import type { Origins } from "../http/origins.ts";
import type { deviceSignInRoutes } from "./routes.ts";

export interface DeviceSignInHandlerDependencies {
  readonly deviceSignIns: DeviceSignIns;
  readonly origins: Origins;
  readonly refusalLimit: RefusalLimit;
}

const NO_TOKEN = { token: null, name: null, operator: null, role: null, account: null, expires_at: null } as const;

export function createDeviceSignInHandlers({
  deviceSignIns,
  origins,
  refusalLimit,
}: DeviceSignInHandlerDependencies): HandlersOf<typeof deviceSignInRoutes> {
  return {
    async startDeviceSignIn({ body, clientAddress }) {
      // Each begins with a write, so even an accepted one counts.
      refusalLimit.count(clientAddress);
      const { signIn, deviceCode, userCode } = await deviceSignIns.start({
        hostName: body.host_name,
        address: clientAddress,
      });
      return {
        data: {
          device_code: deviceCode,
          user_code: userCode,
          verification_uri: `${origins.consoleUrl}/device`,
          expires_in: (signIn.expiresAtMs - signIn.createdAtMs) / 1000,
          interval: POLL_SECONDS,
        },
      };
    },

    async collectDeviceSignIn({ body, clientAddress }) {
      const verdict = await deviceSignIns.collect(body.device_code);
      if (verdict.status !== "signed_in") {
        // A guess and a flood end in expired_token and slow_down.
        const isFault = verdict.status === "expired_token" || verdict.status === "slow_down";
        if (isFault) refusalLimit.count(clientAddress);
        return { data: { status: verdict.status, ...NO_TOKEN } };
      }
      const { token, secret } = verdict;
      return {
        data: {
          status: verdict.status,
          token: secret,
          name: token.name,
          operator: token.operatorEmail,
          role: token.role,
          account: token.account,
          expires_at: isoTime(token.expiresAtMs),
        },
      };
    },

    async lookAtDeviceSignIn({ principal, body }) {
      return { data: deviceSignInJson(await deviceSignIns.look(principal, body.user_code)) };
    },

    async approveDeviceSignIn({ principal, body }) {
      const { user_code: userCode, role, account = principal.account, life_seconds: lifeSeconds } = body;
      return {
        data: deviceSignInJson(await deviceSignIns.approve(principal, userCode, { role, account, lifeSeconds })),
      };
    },

    async denyDeviceSignIn({ principal, body }) {
      return { data: deviceSignInJson(await deviceSignIns.deny(principal, body.user_code)) };
    },
  };
}
