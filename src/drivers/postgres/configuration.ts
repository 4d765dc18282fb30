import { BlackstartError } from "../../base/error.ts";
import { type Missing, orMissing } from "../missing.ts";
import * as ask from "./configuration/queries.ts";
import { type Connection, withConnection } from "./connection.ts";
import { type NodeObservation, observeNode } from "./observe.ts";

/** How one server is configured, as it says itself, secrets included: nobody may keep this as it is. */
export type ServerConfiguration = Readonly<{
  observation: NodeObservation | undefined;
  /** `version()`: with the compiler and the platform. */
  versionText: string | undefined;
  /** pg_config, by name; superusers may see it. */
  build: Readonly<Record<string, string>> | undefined;
  settings: readonly ask.SettingRow[] | undefined;
  /** ALTER ROLE … SET, ALTER DATABASE … SET. */
  roleSettings: readonly ask.RoleSettingRow[] | undefined;
  access: readonly ask.AccessRow[] | undefined;
  slots: readonly ask.SlotRow[] | undefined;
  databases: readonly ask.DatabaseRow[] | undefined;
  tablespaces: number | undefined;
  missing: readonly Missing[];
}>;

export type ExtensionCount = Readonly<{ name: string; version: string; databases: number }>;

const timeoutMs = 5000;
const databasesMax = 50;

/**
 * Asks a server for its whole configuration, in a session that cannot write. PostgreSQL 13 to 18. What it refuses is
 * among the missing; throws UNREACHABLE when it cannot be asked at all.
 */
export async function askConfiguration(url: string): Promise<ServerConfiguration> {
  return withReadOnly(url, undefined, async (connection) => {
    const missing: Missing[] = [];
    const observation = await orMissing(missing, "role and replication", () => observeNode(connection));
    const version = observation?.version ?? 0;
    const rows =
      <Row extends object>(query: string) =>
      () =>
        connection.query<Row>(query);
    const [text] = (await orMissing(missing, "version", rows<{ version: string }>("select version()"))) ?? [];
    const build = await orMissing(missing, "build options (pg_config)", rows<NameAndValue>(ask.buildQuery));
    const settings = await orMissing(missing, "settings", rows<ask.SettingRow>(ask.settingsQuery));
    const hidden = await orMissing(missing, "hidden settings", rows<{ may: boolean }>(ask.seesAllQuery));
    if (hidden?.[0]?.may === false)
      missing.push({ what: "settings that only some may see", why: "The user is no member of pg_monitor." });
    const [tablespaces] = (await orMissing(missing, "tablespaces", rows<{ count: number }>(ask.tablespaceQuery))) ?? [];
    return {
      observation,
      versionText: text?.version,
      build: build && Object.fromEntries(build.map(({ name, value }) => [name, value])),
      settings,
      roleSettings: await orMissing(missing, "settings of roles", rows<ask.RoleSettingRow>(ask.roleSettingsQuery)),
      access: await orMissing(missing, "access rules (pg_hba_file_rules)", rows<ask.AccessRow>(ask.accessQuery)),
      slots: await orMissing(missing, "replication slots", rows<ask.SlotRow>(ask.slotsQuery)),
      databases: await orMissing(missing, "databases", rows<ask.DatabaseRow>(ask.databasesQuery(version))),
      tablespaces: tablespaces?.count,
      missing,
    };
  });
}

type NameAndValue = Readonly<{ name: string; value: string }>;

/** The extensions of all databases that let us in, and in how many each is installed. */
export async function askExtensions(url: string): Promise<Readonly<{ found: ExtensionCount[]; missing: Missing[] }>> {
  const missing: Missing[] = [];
  const names = await withReadOnly(url, undefined, (connection) =>
    connection.query<{ name: string }>(ask.databaseNamesQuery),
  );
  if (names.length > databasesMax)
    missing.push({ what: `extensions of ${names.length - databasesMax} databases`, why: "There are too many." });
  const counts = new Map<string, ExtensionCount>();
  let refused = 0;
  let why = "";
  for (const { name } of names.slice(0, databasesMax)) {
    try {
      const rows = await withReadOnly(url, name, (connection) => connection.query<NameAndValue>(ask.extensionsQuery));
      for (const row of rows) {
        const key = `${row.name} ${row.value}`;
        counts.set(key, { name: row.name, version: row.value, databases: (counts.get(key)?.databases ?? 0) + 1 });
      }
    } catch (error) {
      if (!(error instanceof BlackstartError)) throw error;
      refused += 1;
      why = `SQLSTATE or error: ${String(error.details.sqlstate ?? error.details.errno ?? error.code)}.`;
    }
  }
  // The names of the databases are not told: they may be those of customers.
  if (refused > 0) missing.push({ what: `extensions of ${refused} databases`, why: `They do not let us in. ${why}` });
  return { found: [...counts.values()].sort((a, b) => a.name.localeCompare(b.name, "en")), missing };
}

async function withReadOnly<T>(
  url: string,
  database: string | undefined,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  const options = { timeoutMs, queryTimeoutMs: timeoutMs, applicationName: "blackstart capture" };
  return withConnection(url, database === undefined ? options : { ...options, database }, async (connection) => {
    await connection.query("set default_transaction_read_only = on");
    return use(connection);
  });
}
