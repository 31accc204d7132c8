/**
 * The doctor: looks at a deployment from where an operator stands, and says what is wrong and what to do. Everything that a check
 * knows comes from ports; nothing here reads a file, a socket, a database or a clock, and no check changes anything.
 *
 * This file lists what can be found. docs/doctor.md is generated from it.
 */

/** `ok` is a check that found nothing; `error` is a fault that has an effect now or opens the service to others. */
export type Severity = "ok" | "info" | "warning" | "error";

/** What is checked, in the order of the report, and what each check looks at. */
export const CHECKS = {
  configuration: { title: "Configuration", looksAt: "flags and COUNTERSIGN_… variables" },
  runtime: { title: "Runtime", looksAt: "the version of Node" },
  limits: { title: "Limits", looksAt: "the limit of open files" },
  files: { title: "Files", looksAt: "owners and modes of the data folder and its files" },
  disk: { title: "Disk", looksAt: "free space and inodes where the data folder is" },
  store: { title: "Store", looksAt: "the database, its schema and its identity" },
  damage: { title: "Damage", looksAt: "the pages of the SQLite file" },
  database: { title: "PostgreSQL", looksAt: "its version, connections and notifications" },
  clock: { title: "Clock", looksAt: "this machine's clock beside the database's and an NTP server's" },
  secrets: { title: "Master secret", looksAt: "the master secret beside the store's signing keys" },
  listeners: { title: "Listeners", looksAt: "both listeners, at the addresses that they listen on" },
  public_url: { title: "Public URL", looksAt: "the public URL, as a client reaches it" },
  certificates: { title: "Certificates", looksAt: "TLS certificates of the public URL and in the service's files" },
  exposure: { title: "Exposure", looksAt: "paths of the internal listener under the public URL" },
  proxies: { title: "Proxies", looksAt: "what the service believes of forged headers" },
  single_sign_on: { title: "Single sign-on", looksAt: "the OpenID provider's discovery document" },
  nodes: { title: "Nodes", looksAt: "the nodes that serve this store" },
  feed: { title: "Change feed", looksAt: "how fresh the node's view is, and the end of the audit log" },
  webhooks: { title: "Webhooks", looksAt: "the state of each endpoint" },
  jobs: { title: "Jobs", looksAt: "when background jobs ran last" },
  keys: { title: "Clients' keys", looksAt: "keys that expire, are weak or unused" },
  operators: { title: "Operators", looksAt: "operators' second factors, and admin tokens" },
  backup: { title: "Backup", looksAt: "what the service can know of backups" },
} as const satisfies Record<string, { readonly title: string; readonly looksAt: string }>;

export type CheckName = keyof typeof CHECKS;

/** What can be found: by which check, how bad it is, when it is found, and what to do. */
interface Entry {
  readonly check: CheckName;
  readonly severity: Exclude<Severity, "ok">;
  readonly when: string;
  /** A sentence or two, with the command or the setting. A finding can replace it with one that names the place. */
  readonly fix: string;
}

/** Every finding by its code. A released code keeps its meaning. */
export const FINDINGS = {
  check_failed: {
    check: "configuration",
    severity: "warning",
    when: "A check itself failed, for the reason that is named.",
    fix: "Remove the cause if the reason names one, and run the doctor again. Otherwise report it as a defect.",
  },
  check_timed_out: {
    check: "configuration",
    severity: "warning",
    when: "A check didn't end in time.",
    fix: "See what it waits for: usually a database, a name server or a network that doesn't answer.",
  },
  not_checked: {
    check: "configuration",
    severity: "info",
    when: "A check couldn't be made, because something that it needs is missing or has a problem itself.",
    fix: "Correct what the other findings name, and run the doctor again.",
  },

  setting_invalid: {
    check: "configuration",
    severity: "error",
    when: "A setting is malformed, out of bounds, or its file can't be used. The service doesn't start.",
    fix: "Correct the setting; docs/configuration.md lists what is allowed.",
  },
  variables_ignored: {
    check: "configuration",
    severity: "info",
    when: "Kubernetes or Docker made variables that look like settings. They are ignored.",
    fix: "Set enableServiceLinks: false in the pod's specification.",
  },
  password_in_flags: {
    check: "configuration",
    severity: "warning",
    when: "A flag holds a password, which every user of the machine can read in the process list.",
    fix: "Use COUNTERSIGN_DATABASE_URL_FILE instead of --database-url, and change the password.",
  },
  log_verbose: {
    check: "configuration",
    severity: "info",
    when: "The log level is trace or debug: every request is a line.",
    fix: "Set COUNTERSIGN_LOG_LEVEL=info once you have seen what you looked for.",
  },
  log_silent: {
    check: "configuration",
    severity: "warning",
    when: "The log level hides refusals and problems.",
    fix: "Set COUNTERSIGN_LOG_LEVEL=info.",
  },
  refusal_limit_off: {
    check: "configuration",
    severity: "warning",
    when: "COUNTERSIGN_REFUSAL_LIMIT is 0: a client can send any number of refused requests, such as guessed passwords.",
    fix: "Leave COUNTERSIGN_REFUSAL_LIMIT out, or set it to a number that honest clients never reach.",
  },
  key_proof_optional: {
    check: "configuration",
    severity: "info",
    when: "A public key can be added without a proof that its sender holds the private key.",
    fix: "Set COUNTERSIGN_KEY_PROOF=required once every client sends a proof with its key (docs/keys.md).",
  },
  public_url_missing: {
    check: "configuration",
    severity: "warning",
    when: "The public listener accepts connections from other machines, and COUNTERSIGN_PUBLIC_URL isn't set.",
    fix: "Set COUNTERSIGN_PUBLIC_URL to the address that clients use. It is the audience of their assertions.",
  },
  public_url_local: {
    check: "configuration",
    severity: "warning",
    when: "COUNTERSIGN_PUBLIC_URL names this machine only, but the listener accepts connections from others.",
    fix: "Set COUNTERSIGN_PUBLIC_URL to the address that clients use.",
  },
  public_url_unencrypted: {
    check: "configuration",
    severity: "warning",
    when: "COUNTERSIGN_PUBLIC_URL begins with http:// and doesn't name this machine: tokens cross the network unencrypted.",
    fix: "Put TLS in front (docs/operations.md) and set COUNTERSIGN_PUBLIC_URL to the https:// address.",
  },
  internal_listener_open: {
    check: "configuration",
    severity: "info",
    when: "The internal listener accepts connections from other machines without TLS.",
    fix: "Set COUNTERSIGN_ADMIN_HOST=127.0.0.1, or make sure that only your operators' network and Prometheus reach it.",
  },

  node_unsupported: {
    check: "runtime",
    severity: "warning",
    when: "This version of Node gets no security fixes any more.",
    fix: "Upgrade Node to a release with long-term support, and restart the service.",
  },
  node_too_old: {
    check: "runtime",
    severity: "error",
    when: "This version of Node is older than Countersign supports.",
    fix: "Upgrade Node to the version that package.json names in engines, or a newer one.",
  },

  open_files_low: {
    check: "limits",
    severity: "warning",
    when: "The limit of open files allows fewer connections than COUNTERSIGN_CONNECTIONS_MAX, or fewer than 1000.",
    fix: "Raise the limit: LimitNOFILE=20000 in the systemd unit, or ulimit -n 20000.",
  },

  file_refused: {
    check: "files",
    severity: "error",
    when: "A file or folder with secrets belongs to another user, is a foreign link, or is open to others. The service refuses it.",
    fix: "Change the owner (chown) or the mode (chmod) as the finding says; docs/operations.md explains the rule.",
  },
  file_open_to_others: {
    check: "files",
    severity: "error",
    when: "Other users can read or write a file of the store.",
    fix: "Run chmod 600 on it.",
  },
  socket_exposed: {
    check: "files",
    severity: "warning",
    when: "A listener's Unix socket is in a folder that every user of the machine can write to: another socket can take its place.",
    fix: "Put the socket into a folder of the service's own, such as systemd's RuntimeDirectory.",
  },
  wrong_user: {
    check: "files",
    severity: "warning",
    when: "The doctor runs as root, but the data folder belongs to another user, as whom the service runs.",
    fix: "Run the doctor as the service's user: sudo -u <user> countersign doctor.",
  },
  data_folder_missing: {
    check: "files",
    severity: "info",
    when: "The data folder doesn't exist yet.",
    fix: "The first start of the service makes it. If the service has run before, correct COUNTERSIGN_DATA_DIR.",
  },

  disk_full: {
    check: "disk",
    severity: "error",
    when: "Less than 100 MiB, or fewer than 100 inodes, are free. Soon no change can be made, not even a revocation.",
    fix: "Free space or enlarge the file system now.",
  },
  disk_low: {
    check: "disk",
    severity: "warning",
    when: "Less than 1 GiB, less than the store's own size (a backup needs it), or less than 2 % of the inodes are free.",
    fix: "Free space or enlarge the file system.",
  },

  store_missing: {
    check: "store",
    severity: "info",
    when: "There is no store yet.",
    fix: "The first start of the service makes it. If there was one, correct COUNTERSIGN_DATA_DIR or COUNTERSIGN_DATABASE_URL.",
  },
  store_lost: {
    check: "store",
    severity: "error",
    when: "A store was served from the data folder, but its database is missing or empty.",
    fix: "Restore countersign.db from a backup; docs/operations.md, Backup and restore.",
  },
  store_unreachable: {
    check: "store",
    severity: "error",
    when: "The database can't be reached, opened or read.",
    fix: "Check that it runs, and the user, password, database name and sslmode in COUNTERSIGN_DATABASE_URL.",
  },
  store_foreign: {
    check: "store",
    severity: "error",
    when: "The database isn't in UTF-8.",
    fix: "Create a database with the encoding UTF8, and copy the data into it.",
  },
  schema_newer: {
    check: "store",
    severity: "error",
    when: "A newer release of Countersign wrote the store.",
    fix: "Start that release or a newer one. There is no downgrade; restore a backup from before the upgrade to go back.",
  },
  schema_older: {
    check: "store",
    severity: "info",
    when: "Migrations of this release haven't run on the store.",
    fix: "The next start of the service runs them. Make a backup first, or run countersign migrate as a step of its own.",
  },
  store_restored: {
    check: "store",
    severity: "error",
    when: "The store isn't the one that was served last from this data folder. The service refuses it.",
    fix: "Put the newer store back, or accept this one with countersign store accept, which ends every token.",
  },
  store_read_only: {
    check: "store",
    severity: "error",
    when: "The database can be read, but not written: no key can be revoked.",
    fix: "Point COUNTERSIGN_DATABASE_URL at the primary, or make the file and its folder writable.",
  },
  store_unwritable: {
    check: "store",
    severity: "error",
    when: "The last write of the running service failed.",
    fix: "Remove the cause that is named. No restart is needed (docs/operations.md, When the store can't be written).",
  },
  log_large: {
    check: "store",
    severity: "warning",
    when: "SQLite's write-ahead log is larger than 64 MiB: a process reads for long, and keeps it from being cut.",
    fix: "End the long-running reader, such as a shell with an open transaction on countersign.db.",
  },

  store_damaged: {
    check: "damage",
    severity: "error",
    when: "Pages of the SQLite file are damaged.",
    fix: "Stop the service and restore a backup, without the -wal and -shm of the damaged file.",
  },

  postgres_too_old: {
    check: "database",
    severity: "error",
    when: "PostgreSQL is older than version 13.",
    fix: "Upgrade PostgreSQL.",
  },
  postgres_unsupported: {
    check: "database",
    severity: "warning",
    when: "This major version of PostgreSQL gets no security fixes any more.",
    fix: "Upgrade PostgreSQL to a supported major version.",
  },
  connections_short: {
    check: "database",
    severity: "warning",
    when: "The nodes together can ask for more connections than PostgreSQL accepts.",
    fix: "Lower COUNTERSIGN_DATABASE_CONNECTIONS, raise max_connections, or put a pooler in between.",
  },
  notifications_lost: {
    check: "database",
    severity: "warning",
    when: "A notification didn't arrive, as behind a pooler in transaction mode. Each process asks for changes 20 times a second.",
    fix: "Set COUNTERSIGN_DATABASE_LISTEN_URL to a URL that leads to PostgreSQL without the pooler.",
  },

  clock_wrong: {
    check: "clock",
    severity: "error",
    when: "This machine's clock differs by more than 60 s: nearly every assertion is refused, and a node isn't ready.",
    fix: "Set the clocks by NTP (timedatectl set-ntp true) on this machine and the database's.",
  },
  clock_off: {
    check: "clock",
    severity: "warning",
    when: "This machine's clock differs by more than 5 s.",
    fix: "Set the clocks by NTP (timedatectl set-ntp true) on this machine and the database's.",
  },
  clock_stepped: {
    check: "clock",
    severity: "warning",
    when: "The running node's clock was set, or its machine slept, since it started.",
    fix: "Have NTP slew the clock instead of setting it, and don't suspend the machine.",
  },
  ntp_silent: {
    check: "clock",
    severity: "warning",
    when: "The NTP server that --ntp names gave no usable answer.",
    fix: "Name a server that answers on UDP port 123, such as your network's own.",
  },

  master_secret_missing: {
    check: "secrets",
    severity: "error",
    when: "The store has signing keys, but the master secret that they derive from is missing or can't be read.",
    fix: "Restore master.key or set COUNTERSIGN_MASTER_SECRET. If it is lost: countersign store accept, which ends every token.",
  },
  master_secret_wrong: {
    check: "secrets",
    severity: "error",
    when: "No signing key that is in use derives from the master secret. The service refuses to start.",
    fix: "Set COUNTERSIGN_MASTER_SECRET to the secret of the other nodes, or copy their master.key.",
  },
  signing_key_unknown: {
    check: "secrets",
    severity: "error",
    when: "A signing key in use derives from another master secret: this node can't check its tokens.",
    fix: "Add the other secret to COUNTERSIGN_MASTER_SECRET (newest first, separated by commas) on every node.",
  },
  master_secret_unused: {
    check: "secrets",
    severity: "info",
    when: "COUNTERSIGN_MASTER_SECRET has a secret that no signing key in use derives from.",
    fix: "Finish the rotation: remove the old secret on every node, unless a webhook's secret still derives from it.",
  },
  signing_key_waiting: {
    check: "secrets",
    severity: "warning",
    when: "A new signing key hasn't signed for over 10 minutes, because a node can't check its tokens.",
    fix: "Give every node the new master secret, and stop nodes of earlier releases: countersign signing-key list.",
  },

  not_serving: {
    check: "listeners",
    severity: "info",
    when: "Nothing listens at the configured address, and no node serves the store.",
    fix: "Start the service: countersign serve.",
  },
  listener_silent: {
    check: "listeners",
    severity: "warning",
    when: "Nothing listens at the configured address of this machine, although nodes serve the store.",
    fix: "Start the service here, or run the doctor where it runs, with the same settings.",
  },
  listener_foreign: {
    check: "listeners",
    severity: "error",
    when: "What answers at the address of the listener isn't this service, or has another master secret.",
    fix: "End the other program, or correct COUNTERSIGN_PORT or COUNTERSIGN_ADMIN_PORT.",
  },
  store_other: {
    check: "listeners",
    severity: "error",
    when: "The service that answers uses the same master secret, but another store than the doctor's configuration names.",
    fix: "Use the same COUNTERSIGN_DATABASE_URL and COUNTERSIGN_DATA_DIR, and never one master secret for two environments.",
  },
  not_ready: {
    check: "listeners",
    severity: "error",
    when: "The service answers that it isn't ready.",
    fix: "Remove the cause that is named; the service's log says more.",
  },
  degraded: {
    check: "listeners",
    severity: "warning",
    when: "The service is ready, but reports a problem.",
    fix: "Remove the cause that is named; the service's log says more.",
  },

  public_url_unreachable: {
    check: "public_url",
    severity: "error",
    when: "The public URL can't be reached from here, although nodes serve the store.",
    fix: "Check its DNS name, the gateway and the firewall; from inside the network it may need a route of its own.",
  },
  public_url_foreign: {
    check: "public_url",
    severity: "error",
    when: "What answers under the public URL isn't this service, or the gateway doesn't forward the path.",
    fix: "Have the gateway forward every path to the public listener, and check COUNTERSIGN_PUBLIC_URL.",
  },
  public_url_redirects: {
    check: "public_url",
    severity: "warning",
    when: "The public URL redirects. Clients don't follow, or drop their credentials.",
    fix: "Set COUNTERSIGN_PUBLIC_URL to the address at the end of the redirect, and serve the API there.",
  },
  http_open: {
    check: "public_url",
    severity: "warning",
    when: "The service answers at the http:// form of its https:// URL: a mistyped client sends credentials unencrypted.",
    fix: "Have the gateway refuse or redirect port 80.",
  },

  certificate_unusable: {
    check: "certificates",
    severity: "error",
    when: "A TLS file of the service can't be used, or what answers at the https:// URL shows no certificate.",
    fix: "Correct the file or the setting that is named; at a gateway, configure TLS for the host of the URL.",
  },
  certificate_expired: {
    check: "certificates",
    severity: "error",
    when: "A certificate has expired, or isn't valid yet: clients refuse it, or the listener refuses the gateways it vouches for.",
    fix: "Renew the certificate now, and find out why the renewal failed.",
  },
  certificate_expiring: {
    check: "certificates",
    severity: "warning",
    when: "A certificate expires within 14 days, or within a quarter of its lifetime if that is shorter.",
    fix: "Renew it, and check that the automatic renewal works.",
  },
  certificate_name: {
    check: "certificates",
    severity: "error",
    when: "The certificate doesn't have the host name of the public URL. Clients refuse it.",
    fix: "Use a certificate with that name, or correct COUNTERSIGN_PUBLIC_URL.",
  },
  certificate_untrusted: {
    check: "certificates",
    severity: "warning",
    when: "This machine doesn't trust the certificate's issuer.",
    fix: "Send the whole chain with intermediates. With a CA of your own, name it in NODE_EXTRA_CA_CERTS and tell your clients.",
  },

  internal_exposed: {
    check: "exposure",
    severity: "error",
    when: "The admin API, the console or the metrics answer under the public URL: anybody can try to sign in.",
    fix: "Have the gateway forward to the public listener's port only, never to the internal one's.",
  },

  proxy_unnamed: {
    check: "proxies",
    severity: "warning",
    when: "The settings show that a proxy is in front, but COUNTERSIGN_TRUSTED_PROXIES names none. Limits on networks refuse.",
    fix: "Set COUNTERSIGN_TRUSTED_PROXIES to the addresses of your gateways.",
  },
  proxy_untrusted: {
    check: "proxies",
    severity: "warning",
    when: "A proxy that isn't trusted forwards requests: all clients share its address, its limit of refusals and its network.",
    fix: "Add its address to COUNTERSIGN_TRUSTED_PROXIES.",
  },
  proxy_silent: {
    check: "proxies",
    severity: "warning",
    when: "A trusted proxy doesn't name its clients: limits on networks refuse them.",
    fix: "Have the gateway set X-Forwarded-For; in nginx: proxy_set_header X-Forwarded-For $remote_addr;",
  },
  proxies_wide: {
    check: "proxies",
    severity: "error",
    when: "COUNTERSIGN_TRUSTED_PROXIES trusts every address: any client can choose the address that it is taken for.",
    fix: "Name the addresses of your gateways only.",
  },
  address_forgeable: {
    check: "proxies",
    severity: "error",
    when: "The service believed an address that the doctor forged. Clients can evade limits on networks and on refusals.",
    fix: "Have the gateway overwrite the header; in nginx: proxy_set_header X-Forwarded-For $remote_addr;",
  },
  method_forgeable: {
    check: "proxies",
    severity: "warning",
    when: "A client's X-Forwarded-Method or X-Original-Method passes a trusted proxy and makes a read of a write.",
    fix: "Have the proxy remove both from requests that aren't GET, HEAD or OPTIONS, and only from those: a gateway that asks through it with GET names its client's method there. docs/operations.md has nginx's lines.",
  },
  method_dropped: {
    check: "proxies",
    severity: "info",
    when: "A proxy drops X-Forwarded-Method and X-Original-Method. If a gateway asks through it with GET and names its client's method there, read-only users can write.",
    fix: "Have gateways ask the nodes directly, or the proxy pass both headers on with GET, HEAD and OPTIONS. docs/operations.md has nginx's lines.",
  },

  sso_unreachable: {
    check: "single_sign_on",
    severity: "error",
    when: "The OpenID provider's discovery document can't be read: operators can't sign in.",
    fix: "Check COUNTERSIGN_OIDC_ISSUER and the route to it.",
  },
  sso_issuer_differs: {
    check: "single_sign_on",
    severity: "error",
    when: "The discovery document names another issuer. Sign-in refuses it.",
    fix: "Set COUNTERSIGN_OIDC_ISSUER to exactly the issuer that the document names.",
  },

  versions_differ: {
    check: "nodes",
    severity: "warning",
    when: "Nodes of several releases, or a doctor of another release, use the store. During an upgrade that is expected.",
    fix: "Finish the upgrade: restart the remaining nodes with the new release.",
  },
  public_urls_differ: {
    check: "nodes",
    severity: "error",
    when: "Nodes have different public URLs: an assertion that one accepts is refused by another.",
    fix: "Set the same COUNTERSIGN_PUBLIC_URL on every node.",
  },
  node_lacks_signing_key: {
    check: "nodes",
    severity: "error",
    when: "A node can't check tokens that another node issues.",
    fix: "Set the same COUNTERSIGN_MASTER_SECRET on every node, and restart that node.",
  },

  feed_stale: {
    check: "feed",
    severity: "error",
    when: "The node's view of the registry isn't confirmed; it asks the store for each decision, or refuses.",
    fix: "See why the store doesn't answer: the service's log names the reason.",
  },
  audit_broken: {
    check: "feed",
    severity: "error",
    when: "The hash chain at the end of the audit log is broken: an event was changed or removed.",
    fix: "Keep a copy of the store as evidence, find out who wrote to the database, and run countersign audit verify.",
  },

  webhook_failing: {
    check: "webhooks",
    severity: "warning",
    when: "An endpoint has refused deliveries for over an hour.",
    fix: "Correct the receiver; countersign webhook list and webhook test <id> show its answers.",
  },
  webhook_disabled: {
    check: "webhooks",
    severity: "warning",
    when: "An endpoint was deactivated because it failed for too long. Its events wait.",
    fix: "Correct the receiver, then: countersign webhook activate <id>.",
  },

  job_overdue: {
    check: "jobs",
    severity: "warning",
    when: "A background job hasn't completed a run in three times its interval (15 minutes at least), although nodes serve.",
    fix: "See the service's log for the reason; restart the nodes if there is none.",
  },

  keys_expiring: {
    check: "keys",
    severity: "warning",
    when: "Clients' keys expire within 7 days.",
    fix: "Have their clients rotate them: countersign key list --expiring 7d.",
  },
  keys_weak: {
    check: "keys",
    severity: "warning",
    when: "The last audit found weak keys that aren't revoked.",
    fix: "Replace and revoke them: countersign key audit lists them.",
  },
  keys_unused: {
    check: "keys",
    severity: "info",
    when: "Active keys weren't used for 90 days.",
    fix: "Deactivate what nobody needs: countersign key list --unused 90d.",
  },

  operators_missing: {
    check: "operators",
    severity: "info",
    when: "No operator can sign in to the console.",
    fix: "Invite one: countersign operator invite <email> --role owner.",
  },
  second_factor_missing: {
    check: "operators",
    severity: "warning",
    when: "Active operators have neither a passkey nor single sign-on: a stolen password is enough.",
    fix: "Have them add a passkey in the console under their account.",
  },
  admin_tokens_expiring: {
    check: "operators",
    severity: "warning",
    when: "Admin tokens expire within 7 days. Programs that use them stop working.",
    fix: "Make new ones: countersign admin-token create <name> --role <role>.",
  },

  backup_unknown: {
    check: "backup",
    severity: "info",
    when: "Always: backups are made and kept outside the service, which can't know their age.",
    fix: "Have your monitoring alert on their age, restore one now and then, and keep the master secret separately.",
  },
} as const satisfies Record<string, Entry>;

export type FindingCode = keyof typeof FINDINGS;
