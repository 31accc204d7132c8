import { type MantineColorScheme, Menu, useMantineColorScheme } from "@mantine/core";
import { useLocation } from "wouter";
import { type Me, useSignOut } from "../api/me.ts";
import { Icon } from "../ui/icon.tsx";
import type { TimeZone } from "../text/time-text.ts";
import { setTimeZone, useTimeZone } from "../ui/time-zone.ts";
import { tellProblem } from "../ui/tell.tsx";
import { roleName } from "../text/role-name.ts";
import { t } from "../text/t.ts";

/** The signed-in operator, with links to their own settings. */
export function AccountMenu({ me }: { readonly me: Me }) {
  const [, navigate] = useLocation();
  const signOut = useSignOut();
  // Without it, Mantine would disable transitions by a <style>, which the Content-Security-Policy forbids.
  const { colorScheme, setColorScheme } = useMantineColorScheme({ keepTransitions: true });
  const zone = useTimeZone();
  const name = me.operator?.email ?? me.actor;
  const what =
    me.account === null
      ? roleName(me.role)
      : t("shell.roleOfAccount", { role: roleName(me.role), account: me.account });
  return (
    <Menu
      position="top-start"
      width={210}
      transitionProps={{ duration: 0 }}
      withinPortal={false}
      withInitialFocusPlaceholder={false}
    >
      <Menu.Target>
        <button type="button" className="who">
          <span className="who-initial" aria-hidden="true">
            {name.slice(0, 1)}
          </span>
          <span className="who-words">
            <bdi>{name}</bdi>
            <span className="faint">{what}</span>
          </span>
          <span className="visually-hidden">{t("shell.accountMenu")}</span>
          <Icon name="more" />
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => navigate("/me")}>{t("common.yourSignIn")}</Menu.Item>
        <Menu.Divider />
        <Menu.Label>{t("common.colours")}</Menu.Label>
        <Menu.RadioGroup value={colorScheme} onChange={(scheme) => setColorScheme(scheme as MantineColorScheme)}>
          <Menu.RadioItem value="auto">{t("shell.systemSetting")}</Menu.RadioItem>
          <Menu.RadioItem value="light">{t("shell.light")}</Menu.RadioItem>
          <Menu.RadioItem value="dark">{t("shell.dark")}</Menu.RadioItem>
        </Menu.RadioGroup>
        <Menu.Divider />
        <Menu.Label>{t("shell.times")}</Menu.Label>
        <Menu.RadioGroup value={zone} onChange={(chosen) => setTimeZone(chosen as TimeZone)}>
          <Menu.RadioItem value="local">{t("shell.localTime")}</Menu.RadioItem>
          <Menu.RadioItem value="utc">{t("shell.utc")}</Menu.RadioItem>
        </Menu.RadioGroup>
        <Menu.Divider />
        <Menu.Item
          onClick={() => {
            signOut().then(() => navigate("/sign-in"), tellProblem);
          }}
        >
          {t("shell.signOut")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
