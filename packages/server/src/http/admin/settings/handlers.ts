/** The effective configuration in the admin API. */
import type { ShownSetting } from "../../../config/shown-settings.ts";
import { type HandlersOf, wholeList } from "../http/handlers.ts";
import type { settingsRoutes } from "./routes.ts";

export interface SettingsHandlerDependencies {
  /** The effective configuration, secrets masked. */
  readonly settings: readonly ShownSetting[];
}

export function createSettingsHandlers({ settings }: SettingsHandlerDependencies): HandlersOf<typeof settingsRoutes> {
  return { getSettings: () => Promise.resolve(wholeList(settings)) };
}
