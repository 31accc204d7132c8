import { formatDuration } from "./duration.ts";
import { type Config, SETTING_GROUPS, SETTINGS, type SettingName } from "./config.ts";

/** A setting as the console and the admin API show it. */
export interface ShownSetting {
  readonly name: string;
  /** The title of its group: settings of one group follow each other. */
  readonly group: string;
  readonly variable: string;
  /** `null` if it isn't set. Never a secret's value. */
  readonly value: string | null;
  /** What holds although it isn't set, where the process knows it better than the default says. */
  readonly effective: string | null;
  readonly default: string;
  readonly meaning: string;
  readonly secret: boolean;
}

/**
 * The effective configuration in a form that is safe to show: for a secret, only whether it is set.
 *
 * @param effective what holds for settings that aren't set; no secrets
 */
export function shownSettings(
  config: Config,
  effective: Readonly<Partial<Record<SettingName, string>>> = {},
): readonly ShownSetting[] {
  return SETTING_GROUPS.flatMap(({ title: group, settings }) =>
    (Object.keys(settings) as SettingName[]).map((name) => {
      const setting: {
        readonly variable: string;
        readonly default: string;
        readonly meaning: string;
        readonly secret?: true;
        readonly duration?: true;
      } = SETTINGS[name];
      const value = config[name];
      const secret = setting.secret === true;
      return {
        name,
        group,
        variable: setting.variable,
        value: secret
          ? value === undefined
            ? null
            : "set; not shown"
          : shownValue(setting.duration === true && typeof value === "number" ? formatDuration(value) : value),
        effective: value === undefined ? (effective[name] ?? null) : null,
        default: setting.default,
        meaning: setting.meaning,
        secret,
      };
    }),
  );
}

function shownValue(value: unknown): string | null {
  if (value === undefined) return null;
  if (Array.isArray(value)) {
    return value.length === 0 ? null : value.map((one: unknown) => shownValue(one) ?? "").join(", ");
  }
  return typeof value === "string" ? value : JSON.stringify(value);
}
