import { parseConninfo } from "../../drivers/postgres/conninfo.ts";
import { parseSynchronousNames } from "../../drivers/postgres/synchronous-names.ts";
import type { AccessRule, Capture, CapturedMachine, CapturedNode, CapturedServer } from "../capture/schema.ts";
import { classOfSetting } from "./setting-class.ts";
import type { Fact } from "./subject.ts";
import { leavesOf } from "./tree.ts";

/** What a node says of itself; undefined for a part that was not captured, so that it is not taken for a difference. */
export type NodeFacts = Readonly<{
  settings: readonly Fact[] | undefined;
  roleSettings: readonly Fact[] | undefined;
  server: readonly Fact[] | undefined;
  access: readonly Fact[] | undefined;
  machine: readonly Fact[] | undefined;
  patroni: readonly Fact[] | undefined;
}>;

/**
 * @param names how the nodes are called on the other side: a standby is named in settings
 * Pure.
 */
export function nodeFacts(capture: Capture, node: CapturedNode, names: ReadonlyMap<string, string>): NodeFacts {
  const { postgres, machine, patroni } = node;
  return {
    settings: postgres?.settings && settingFacts(postgres, node.role, capture.defaults, names),
    roleSettings: postgres?.roleSettings?.map(({ scope, name, value, count }) => ({
      where: `setting ${name} of ${scope === "all roles" ? "all roles" : `${count} ${scope}${count === 1 ? "" : " each"}`}`,
      value,
      subject: { kind: "role-setting", scope, name },
    })),
    server: postgres && serverFacts(postgres),
    access: postgres?.access?.map((rule) => ({
      where: "access rule",
      value: accessText(rule),
      subject: { kind: "access" },
    })),
    machine: machine && machineFacts(machine),
    patroni: patroni && [
      ...(patroni.version === undefined
        ? []
        : [
            {
              where: "version of Patroni",
              value: patroni.version,
              subject: { kind: "version" as const, of: "Patroni" as const },
            },
          ]),
      ...patroniFacts(patroni.local ?? {}, true),
    ],
  };
}

/** Every setting as it is in force, whether it was set or not: a default may be another in another version. */
function settingFacts(
  server: CapturedServer,
  role: CapturedNode["role"],
  defaults: Capture["defaults"],
  names: ReadonlyMap<string, string>,
): readonly Fact[] {
  const set = server.settings ?? {};
  const unset = defaults[String(server.versionNumber)] ?? {};
  return Object.entries({
    ...unset,
    ...Object.fromEntries(Object.entries(set).map(([name, { value }]) => [name, value])),
  })
    .filter(([name]) => classOfSetting(name) !== "address" && !(role === "primary" && ofStandby.has(name)))
    .map(([name, value]) => ({
      where: `setting ${name}`,
      value: comparable(name, value, names),
      subject: { kind: "setting", name },
      isDefault: set[name] === undefined,
    }));
}

/** A primary does not use them; what it was when it was a standby is left in its file. */
const ofStandby: ReadonlySet<string> = new Set(["primary_conninfo", "primary_slot_name"]);

/** Without what must differ: addresses, and what is called after a node. */
function comparable(name: string, value: string, names: ReadonlyMap<string, string>): string {
  switch (name) {
    case "primary_conninfo":
      return conninfoText(value);
    case "primary_slot_name":
      return value === "" ? "" : "(a slot)";
    case "synchronous_standby_names":
      return synchronousText(value, names);
    case "synchronized_standby_slots":
    case "standby_slot_names":
      return value === "" ? "" : `(${value.split(",").length} slots)`;
    default:
      return value;
  }
}

function synchronousText(value: string, names: ReadonlyMap<string, string>): string {
  try {
    const parsed = parseSynchronousNames(value);
    const renamed = parsed?.names.map((name) => names.get(name) ?? name);
    return parsed === undefined ? "" : `${parsed.method.toUpperCase()} ${parsed.count} (${renamed?.join(", ")})`;
  } catch {
    return value; // The server would not take it either.
  }
}

const places = new Set([
  "host",
  "hostaddr",
  "port",
  "user",
  "dbname",
  "application_name",
  "passfile",
  "sslcert",
  "sslkey",
  "sslrootcert",
  "sslcrl",
  "sslcrldir",
  "krbsrvname",
]);

/** What libpq does by itself; Patroni writes it all the same. */
const preferred = new Set(["sslmode", "gssencmode", "channel_binding"]);

function conninfoText(text: string): string {
  try {
    const kept = Object.entries(parseConninfo(text)).filter(
      ([name, value]) => !places.has(name) && !(value === "prefer" && preferred.has(name)),
    );
    return kept
      .map(([name, value]) => `${name}=${value}`)
      .sort()
      .join(" ");
  } catch {
    return text; // It was hidden when it was captured, for the same reason.
  }
}

function serverFacts(server: CapturedServer): readonly Fact[] {
  const slots = new Map<string, number>();
  for (const { kind, plugin, active, lost } of server.slots ?? []) {
    const text = `${kind}${plugin === undefined ? "" : ` (${plugin})`}${active ? "" : ", inactive"}${lost ? ", lost" : ""}`;
    slots.set(text, (slots.get(text) ?? 0) + 1);
  }
  return [
    ...(server.version === undefined
      ? []
      : [
          {
            where: "version of PostgreSQL",
            value: server.version.replace(/ .*/, ""),
            subject: { kind: "version" as const, of: "PostgreSQL" as const },
          },
        ]),
    ...Object.entries(server.fixed ?? {}).map(([name, value]) => ({
      where: name,
      value,
      subject: { kind: "fixed" as const, name },
    })),
    ...buildFacts(server),
    ...(server.slots === undefined
      ? []
      : [
          {
            where: "replication slots",
            value: [...slots]
              .map(([text, count]) => `${count} ${text}`)
              .sort()
              .join("; "),
            subject: { kind: "topology" as const, name: "slots" },
          },
        ]),
    ...(server.databases === undefined
      ? []
      : [
          {
            where: "encoding and sort order of databases",
            value: [...new Set(server.databases.map(databaseText))].sort().join("; "),
            subject: { kind: "databases" as const },
          },
        ]),
    ...(server.tablespaces === undefined
      ? []
      : [
          {
            where: "tablespaces",
            value: String(server.tablespaces),
            subject: { kind: "topology" as const, name: "tablespaces" },
          },
        ]),
  ];
}

/** Options of `configure` one by one; where it is installed and with which compiler's flags is not compared. */
function buildFacts({ build, platform }: CapturedServer): readonly Fact[] {
  const options = [...(build?.CONFIGURE ?? "").matchAll(/'?--((?:with|without)-[^'\s=]+|enable-cassert)(?:=[^']*)?'?/g)]
    .map(([, option = ""]) => option)
    .filter((option) => !/extra-version|includes|libraries|gnu-ld|pgport|system-tzdata|-path$/.test(option));
  return [
    ...(build?.CONFIGURE === undefined
      ? []
      : [
          {
            where: "build options",
            value: [...new Set(options)].sort().join(" "),
            subject: { kind: "build" as const, name: "configure" },
            isList: true,
          },
        ]),
    ...(platform === undefined
      ? []
      : [
          {
            where: "platform",
            value: / on (\S+?),/.exec(platform)?.[1] ?? platform,
            subject: { kind: "build" as const, name: "platform" },
          },
        ]),
  ];
}

function databaseText(database: NonNullable<CapturedServer["databases"]>[number]): string {
  const { encoding, provider, collate, ctype, locale, collationVersion, actualCollationVersion } = database;
  const changed =
    collationVersion !== actualCollationVersion ? ` made with ${collationVersion}, now ${actualCollationVersion}` : "";
  const version = collationVersion === undefined ? "" : ` ${collationVersion}`;
  return `${encoding} ${provider} ${[...new Set([locale ?? collate, collate, ctype])].join("/")}${changed || version}`;
}

function accessText({ type, databases, users, address, method, options, error }: AccessRule): string {
  const words = [type, databases.join(","), users.join(","), address, method, options?.join(",")]
    .filter(Boolean)
    .join(" ");
  return error ? `${words} (not understood by the server)` : words;
}

const place = { data: "data", wal: "write-ahead log" } as const;

function machineFacts({ facts, mounts, limits }: CapturedMachine): readonly Fact[] {
  const mounted = (name: "data" | "wal") => {
    const mount = mounts[name];
    return mount === undefined
      ? []
      : [
          { where: `file system of the ${place[name]}`, value: mount.kind, subject: { kind: "mount" as const, name } },
          {
            where: `mount options of the ${place[name]}`,
            value: mount.options.join(" "),
            subject: { kind: "mount" as const, name },
            isList: true,
          },
        ];
  };
  return [
    ...mounted("data"),
    ...mounted("wal"),
    ...(mounts.sameDevice === undefined
      ? []
      : [
          {
            where: "data and write-ahead log on one device",
            value: mounts.sameDevice ? "yes" : "no",
            subject: { kind: "mount" as const, name: "device" },
          },
        ]),
    ...Object.entries(facts).map(([name, value]) => ({
      where: name,
      value,
      subject: { kind: "machine" as const, name },
    })),
    ...Object.entries(limits ?? {}).map(([name, value]) => ({
      where: `limit of ${name}`,
      value,
      subject: { kind: "limit" as const, name },
    })),
  ];
}

/** Parameters are compared where they are in force: on the nodes. */
export function patroniFacts(tree: NonNullable<Capture["patroni"]>, ofMember: boolean): readonly Fact[] {
  return leavesOf(tree)
    .filter(({ path }) => !path.includes("parameters") && path[0] !== "bootstrap")
    .map(({ path, value }) => ({
      where: `Patroni's ${path.join(".")}`,
      value,
      subject: { kind: "patroni", path, ofMember },
    }));
}
