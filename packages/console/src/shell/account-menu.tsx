import { Menu, useMantineColorScheme } from "@mantine/core";
import { useLocation } from "wouter";
import { type Me, useSignOut } from "../api/me.ts";
import { Icon } from "../parts/icon.tsx";
import { tellProblem } from "../parts/tell.tsx";

/** Who is signed in, and what concerns them. */
export function AccountMenu({ me }: { readonly me: Me }) {
  const [, navigate] = useLocation();
  const signOut = useSignOut();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const name = me.operator?.email ?? me.actor;
  const what = me.account === null ? me.role : `${me.role} of ${me.account}`;
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
          <span className="visually-hidden">: account menu</span>
          <Icon name="more" />
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => navigate("/me")}>Your sign-in</Menu.Item>
        <Menu.Divider />
        <Menu.Label>Colours</Menu.Label>
        {(["auto", "light", "dark"] as const).map((scheme) => (
          <Menu.Item
            key={scheme}
            role="menuitemradio"
            aria-checked={colorScheme === scheme}
            closeMenuOnClick={false}
            rightSection={colorScheme === scheme ? <Icon name="check" size={14} /> : null}
            onClick={() => setColorScheme(scheme)}
          >
            {{ auto: "As the system", light: "Light", dark: "Dark" }[scheme]}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item
          onClick={() => {
            signOut().then(() => navigate("/sign-in"), tellProblem);
          }}
        >
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
