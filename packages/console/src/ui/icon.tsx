/** Path data: strokes on a 16-unit grid. */
const PATHS = {
  overview:
    "M3.2 2.8h3.2c.2 0 .4.2.4.4v4.4c0 .2-.2.4-.4.4H3.2c-.2 0-.4-.2-.4-.4V3.2c0-.2.2-.4.4-.4M9.6 2.8h3.2c.2 0 .4.2.4.4v2c0 .2-.2.4-.4.4H9.6c-.2 0-.4-.2-.4-.4v-2c0-.2.2-.4.4-.4M9.6 8h3.2c.2 0 .4.2.4.4v4.4c0 .2-.2.4-.4.4H9.6c-.2 0-.4-.2-.4-.4V8.4c0-.2.2-.4.4-.4M3.2 10.4h3.2c.2 0 .4.2.4.4v2c0 .2-.2.4-.4.4H3.2c-.2 0-.4-.2-.4-.4v-2c0-.2.2-.4.4-.4",
  user: "M8 8.2a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4M2.8 13.4c.5-2.3 2.5-3.6 5.2-3.6s4.7 1.3 5.2 3.6",
  account:
    "M2.8 13.4V3.6c0-.5.4-.8.8-.8h4.8c.5 0 .8.3.8.8v9.8M9.2 6.4h3.2c.5 0 .8.4.8.8v6.2M1.8 13.4h12.4M5 5.6h2M5 8h2M5 10.4h2",
  explain: "M7 11.6A4.6 4.6 0 1 0 7 2.4a4.6 4.6 0 0 0 0 9.2M10.4 10.4l3.2 3.2M5.2 7l1.3 1.3L9 5.8",
  audit:
    "M4 2.4h8c.4 0 .8.4.8.8v9.6c0 .4-.4.8-.8.8H4c-.4 0-.8-.4-.8-.8V3.2c0-.4.4-.8.8-.8M5.6 5.6h4.8M5.6 8h4.8M5.6 10.4h2.8",
  server:
    "M3.2 2.8h9.6c.4 0 .6.3.6.6v3.2c0 .4-.2.6-.6.6H3.2c-.3 0-.6-.2-.6-.6V3.4c0-.3.3-.6.6-.6M3.2 8.8h9.6c.4 0 .6.3.6.6v3.2c0 .4-.2.6-.6.6H3.2c-.3 0-.6-.2-.6-.6V9.4c0-.3.3-.6.6-.6M5.2 5h.01M5.2 11h.01",
  key: "M10.4 9.2a3.6 3.6 0 1 0-3.4-2.4L2.4 11.4v2.2h2.2v-1.6h1.6v-1.6l1-1c.9.5 2 .5 3.2-.2M11 5h.01",
  operators:
    "M6 7.6a2.4 2.4 0 1 0 0-4.8 2.4 2.4 0 0 0 0 4.8M1.6 13.2c.3-2.2 2-3.6 4.4-3.6s4.1 1.4 4.4 3.6M10.8 3.2a2.2 2.2 0 0 1 0 4.2M12 10c1.4.5 2.2 1.6 2.4 3.2",
  token:
    "M2.4 5.2c0-.9.7-1.6 1.6-1.6h8c.9 0 1.6.7 1.6 1.6v1.2a1.6 1.6 0 0 0 0 3.2v1.2c0 .9-.7 1.6-1.6 1.6H4c-.9 0-1.6-.7-1.6-1.6V9.6a1.6 1.6 0 0 0 0-3.2zM9.6 5.6v.8M9.6 7.6v.8M9.6 9.6v.8",
  health: "M1.8 8.4h2.8l1.6-4.6 3 8.4 1.8-5 .8 1.2h2.4",
  settings:
    "M2.4 4.8h6.4M12 4.8h1.6M10.4 6.4a1.6 1.6 0 1 0 0-3.2 1.6 1.6 0 0 0 0 3.2M2.4 11.2H4M7.2 11.2h6.4M5.6 12.8a1.6 1.6 0 1 0 0-3.2 1.6 1.6 0 0 0 0 3.2",
  signature: "M2.4 13.4h11.2M4 10.6l.6-2.4 6-6 1.8 1.8-6 6z",
  webhook: "M8 2.4v5.2M5.6 5.2L8 7.6l2.4-2.4M3.2 9.2v3.2c0 .4.3.8.8.8h8c.5 0 .8-.4.8-.8V9.2",
  search: "M7.2 11.6a4.4 4.4 0 1 0 0-8.8 4.4 4.4 0 0 0 0 8.8M10.4 10.4l3 3",
  plus: "M8 3.2v9.6M3.2 8h9.6",
  check: "M3.2 8.4l3.2 3.2 6.4-7.2",
  cross: "M4 4l8 8M12 4l-8 8",
  copy: "M6 5.6h6.4c.3 0 .6.3.6.6v6.4c0 .3-.3.6-.6.6H6c-.3 0-.6-.3-.6-.6V6.2c0-.3.3-.6.6-.6M3.6 10.4H3c-.3 0-.6-.3-.6-.6V3.4c0-.3.3-.6.6-.6h6.4c.3 0 .6.3.6.6V4",
  download: "M8 2.8v7.2M4.8 7.2L8 10.4l3.2-3.2M3.2 13.2h9.6",
  more: "M3.6 8h.01M8 8h.01M12.4 8h.01",
  left: "M9.6 4L5.6 8l4 4",
  right: "M6.4 4l4 4-4 4",
  down: "M4 6.4l4 4 4-4",
  up: "M4 9.6l4-4 4 4",
  sort: "M5 6l3-3 3 3M5 10l3 3 3-3",
  menu: "M2.4 4.4h11.2M2.4 8h11.2M2.4 11.6h11.2",
  info: "M8 13.6A5.6 5.6 0 1 0 8 2.4a5.6 5.6 0 0 0 0 11.2M8 7.4v3.2M8 5.3h.01",
  alert: "M8 2.8l5.8 10.4H2.2zM8 6.6v3M8 11.4h.01",
  passkey:
    "M6.4 7.6a2.4 2.4 0 1 0 0-4.8 2.4 2.4 0 0 0 0 4.8M1.8 13.2c.3-2.2 2-3.6 4.6-3.6.7 0 1.3.1 1.9.3M11.6 10.2a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4M11.6 10.2v3.4l1-.8",
  upload: "M8 10.4V3.2M4.8 6L8 2.8 11.2 6M3.2 13.2h9.6",
  sun: "M8 10.8a2.8 2.8 0 1 0 0-5.6 2.8 2.8 0 0 0 0 5.6M8 1.6v1.2M8 13.2v1.2M1.6 8h1.2M13.2 8h1.2M3.5 3.5l.8.8M11.7 11.7l.8.8M3.5 12.5l.8-.8M11.7 4.3l.8-.8",
} as const;

export type IconName = keyof typeof PATHS;

/** An icon in the colour of the surrounding text. Hidden from screen readers, so it needs a visible or hidden label. */
export function Icon({ name, size = 16 }: { readonly name: IconName; readonly size?: number }) {
  const isDots = name === "more" || name === "server";
  return (
    <svg
      viewBox="0 0 16 16"
      width={size}
      height={size}
      fill="none"
      stroke="currentColor"
      strokeWidth={isDots && name === "more" ? 1.8 : 1.35}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The logo. */
export function Mark({ size = 24 }: { readonly size?: number }) {
  return (
    <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" fill="var(--accent)" />
      <path
        d="M8 17.5l5 5L20.5 9"
        fill="none"
        stroke="#fff"
        strokeWidth="3"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
      <path d="M17 22.5h7" fill="none" stroke="#b9c6ff" strokeWidth="3" strokeLinecap="round" />
    </svg>
  );
}
