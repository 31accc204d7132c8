/** Command lines that operators sign in. */
import { useQuery } from "@tanstack/react-query";
import { client, type DataOf, requestData, requestList } from "./client.ts";
import type { NewGrant } from "./operators.ts";

export type CommandLine = DataOf<"listMyCommandLines">[number];
export type DeviceSignIn = DataOf<"lookAtDeviceSignIn">;

/** The command line that waits under a code. */
export function lookAtDeviceSignIn(userCode: string): Promise<DeviceSignIn> {
  return requestData((signal) =>
    client.POST("/api/admin/v1/device-sign-ins/look", { body: { user_code: userCode }, signal }),
  );
}

export function approveDeviceSignIn(userCode: string, grant: NewGrant & { readonly life_seconds: number }) {
  return requestData((signal) =>
    client.POST("/api/admin/v1/device-sign-ins/approve", { body: { user_code: userCode, ...grant }, signal }),
  );
}

export function denyDeviceSignIn(userCode: string) {
  return requestData((signal) =>
    client.POST("/api/admin/v1/device-sign-ins/deny", { body: { user_code: userCode }, signal }),
  );
}

export function useMyCommandLines() {
  return useQuery({
    queryKey: ["my command lines"],
    queryFn: ({ signal }) =>
      requestList((signal) => client.GET("/api/admin/v1/me/command-lines", { signal }), { signal }),
  });
}

export function signOutMyCommandLine(id: number) {
  return requestData((signal) =>
    client.DELETE("/api/admin/v1/me/command-lines/{id}", { params: { path: { id } }, signal }),
  );
}
