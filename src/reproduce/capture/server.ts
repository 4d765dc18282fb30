import { basename } from "node:path";
import type { ServerConfiguration } from "../../drivers/postgres/configuration.ts";
import type { SettingRow } from "../../drivers/postgres/configuration/queries.ts";
import { hidden } from "../../system/known-secrets.ts";
import { accessRule } from "./access.ts";
import { settingText } from "./quantity.ts";
import type { CapturedServer } from "./schema.ts";
import { settingWithoutSecrets, textWithoutSecrets } from "./secrets.ts";

/** What a server said, in the form of the file and without secrets. Who streams from whom is told elsewhere. Pure. */
export function capturedServer(asked: ServerConfiguration): CapturedServer {
  const { observation, settings, roleSettings, access, slots, databases } = asked;
  const version = settings?.find(({ name }) => name === "server_version")?.setting;
  return defined({
    version: version ?? undefined,
    versionNumber: observation?.version,
    platform: asked.versionText,
    build:
      asked.build &&
      Object.fromEntries(Object.entries(asked.build).map(([name, value]) => [name, textWithoutSecrets(value)])),
    fixed: settings && fixedOf(settings),
    settings: settings && settingsOf(settings),
    roleSettings: roleSettings?.map(({ scope, name, value, count, known }) => ({
      scope,
      name,
      value: known ? settingWithoutSecrets(name, value) : hidden,
      count,
    })),
    access: access?.map(accessRule),
    timeline: observation?.timelineId,
    slots: slots?.map(({ name, kind, plugin, active, lost }) => ({
      name,
      kind,
      ...(plugin === null ? {} : { plugin }),
      active,
      ...(lost ? { lost: true as const } : {}),
    })),
    databases: databases?.map(({ locale, collationVersion, actualCollationVersion, ...known }) => ({
      ...known,
      ...(locale === null ? {} : { locale }),
      ...(collationVersion === null ? {} : { collationVersion }),
      ...(actualCollationVersion === null ? {} : { actualCollationVersion }),
    })),
    tablespaces: asked.tablespaces,
  });
}

/** What each setting is when it is set nowhere. Pure. */
export function defaultsOf(rows: readonly SettingRow[]): Record<string, string> {
  const shown = rows.filter(({ context }) => context !== "internal");
  return Object.fromEntries(shown.map(({ name, bootValue, unit }) => [name, settingText(bootValue ?? "", unit)]));
}

/** The names of settings that the user's own ALTER ROLE … SET hides: what it shows is for this user only. */
export function hiddenByRole(rows: readonly SettingRow[]): readonly string[] {
  return rows.filter(({ source }) => ["user", "database", "database user"].includes(source)).map(({ name }) => name);
}

/** Set for all, by whoever runs the server; not by our session, our user, or the server itself. */
const lasting: ReadonlySet<string> = new Set(["environment variable", "configuration file", "command line", "global"]);

function settingsOf(rows: readonly SettingRow[]): NonNullable<CapturedServer["settings"]> {
  const set = rows.filter(({ source, context }) => lasting.has(source) && context !== "internal");
  return Object.fromEntries(
    set.map(({ name, setting, unit, source, context, file, line, pendingRestart }) => [
      name,
      {
        value: settingWithoutSecrets(name, settingText(setting ?? "", unit)),
        source,
        context,
        ...(file === null ? {} : { at: `${basename(file)}:${line}` }),
        ...(pendingRestart ? { pendingRestart: true as const } : {}),
      },
    ]),
  );
}

/** Of what cannot be changed: what makes two servers differ. */
const fixedNames: ReadonlySet<string> = new Set([
  "block_size",
  "data_checksums",
  "data_directory_mode",
  "debug_assertions",
  "huge_pages_status",
  "segment_size",
  "ssl_library",
  "wal_block_size",
  "wal_segment_size",
]);

function fixedOf(rows: readonly SettingRow[]): Record<string, string> {
  const fixed = rows.filter(({ name }) => fixedNames.has(name));
  return Object.fromEntries(fixed.map(({ name, setting, unit }) => [name, settingText(setting ?? "", unit)]));
}

type Defined<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

/** Without what is undefined: it was not found out, and `missing` says why. */
function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
