import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { join, relative } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { parse, stringify } from "yaml";
import { type JsonSchema, jsonSchemaOf } from "../../src/system/json-schema.ts";
import { systemSchema } from "../../src/system/schema.ts";
import { withConnection } from "../../src/drivers/postgres/connection.ts";
import { withFolder } from "../support/folder.ts";
import { commandLine, type Ended } from "./command-line.ts";

/*
 * Secrets are planted in every field of blackstart.yaml that can hold one, and in the environment. Then an outage happens,
 * everything is asked, and every byte that was said or kept is searched for them. A field that is new in the schema fails
 * this test until it stands below.
 */

type Place = "public" | ((secret: (kind?: string) => string, present: string | undefined) => string);

/** What a field holds with secrets in it; `public`: a name, a path, an address without a password, a number. */
const places: Readonly<Record<string, Place>> = {
  system: "public",
  "clusters.*.nodes.*": (secret) => `postgres://blackstart:${secret()}@127.0.0.1:1/ledger`,
  "clusters.*.nodes.*.url": (secret, present) =>
    `${present?.replace("blackstart@", `blackstart:${secret()}@`)}?options=-c%20a.b%3D1&sslpassword=${secret("LITERAL")}`,
  "clusters.*.nodes.*.host": "public",
  "clusters.*.nodes.*.zone": "public",
  "clusters.*.nodes.*.data": "public",
  "clusters.*.nodes.*.binaries": "public",
  "clusters.*.nodes.*.start": (secret) => `echo "cannot start: ${secret()}" >&2; exit 3`,
  "clusters.*.nodes.*.stop": (secret) => `echo "cannot stop: ${secret()} $HUNTED_TOKEN" >&2; exit 3`,
  "clusters.*.nodes.*.replication": (secret, present) => `${present} password='${secret()}'`,
  "clusters.*.nodes.*.follows": "public",
  "clusters.*.clients.file": "public",
  "clusters.*.clients.vip": "public",
  "clusters.*.clients.url": (secret) => `postgres://app:${secret()}@127.0.0.1:1/ledger`,
  "clusters.*.clients.pgbouncer": (secret) => `postgres://admin:${secret("LITERAL")}@127.0.0.1:6432/pgbouncer`,
  "clusters.*.clients.haproxy": (secret) => `http://admin:${secret()}@127.0.0.1:9000/stats`,
  "clusters.*.fence": (secret) => `echo "no power switch for ${secret()}" >&2; exit 1`,
  "clusters.*.backups.pgbackrest": "public",
  "caches.*.redis": (secret) => `redis://:${secret()}@127.0.0.1:1/0`,
  "caches.*.entries.[].keys": "public",
  "caches.*.entries.[].cluster": "public",
  "caches.*.entries.[].query": (secret) =>
    `select id::text as account, '${secret()}' as value from unnest($1::bigint[]) as id`,
  "services.*.probe": (secret) => `http://watch:${secret()}@127.0.0.1:1/health?access_token=${secret("LITERAL")}`,
  "services.*.needs.[]": "public",
  "services.*.host": "public",
  "services.*.restart": (secret) =>
    `echo "refused: Authorization: Bearer ${secret()} $HUNTED_TOKEN password=${secret("LITERAL")}" >&2; exit 7`,
  "services.*.counts.url": (secret) => `http://count:${secret()}@127.0.0.1:1/metrics`,
  "services.*.counts.requests": "public",
  "services.*.counts.failed": "public",
  "invariants.*.cluster": "public",
  "invariants.*.violations": (secret) => `select 1 as id where '${secret()}' <> '' and not exists (select from fixed)`,
  "invariants.*.repair": (secret) => `insert into fixed values ('${secret()}')`,
  "invariants.*.repair.[]": "public",
  "features.*.of": "public",
  "watch.ignore.[]": "public",
};

/** What stands at a public place that is needed. */
const given: Readonly<Record<string, unknown>> = {
  system: "hunted",
  "caches.*.entries.[].keys": "balance:{account}",
  "caches.*.entries.[].cluster": "ledger",
  "services.*.needs.[]": "ledger",
  "services.*.host": "local",
  "services.*.counts.requests": "requests_total",
  "services.*.counts.failed": "failed_total",
  "invariants.*.cluster": "ledger",
  "features.*.of": "api",
};

function textsIn(schema: JsonSchema, path: readonly string[] = []): readonly string[] {
  if (schema.enum !== undefined || schema.const !== undefined || schema.format === "duration-text") return [];
  return [
    ...(schema.type === "string" ? [path.join(".")] : []),
    ...Object.entries(schema.properties ?? {}).flatMap(([key, one]) => textsIn(one, [...path, key])),
    ...(typeof schema.additionalProperties === "object" ? textsIn(schema.additionalProperties, [...path, "*"]) : []),
    ...(schema.items === undefined ? [] : textsIn(schema.items, [...path, "[]"])),
    ...(schema.anyOf ?? []).flatMap((one) => textsIn(one, path)),
  ];
}

test("every text of blackstart.yaml is known to be public, or is planted with a secret", () => {
  const texts = textsIn(jsonSchemaOf(systemSchema)).filter((path) => !path.startsWith("watch.thresholds"));
  assert.deepEqual(
    [...new Set(texts)].filter((path) => places[path] === undefined),
    [],
  );
});

test("no secret is in anything that is said, answered or kept, in a whole outage", () =>
  withFolder(async (folder) => {
    await chmod(folder, 0o755);
    const planted = new Map<string, string>();
    const environment: Record<string, string> = {};
    const secret = (where: string) => (kind?: string) => {
      const count = planted.size + 1;
      const value = `HUNT${count}ed/${count}'x"%y`.replace(kind === "LITERAL" ? /[/'"%]/g : /['"]/g, "");
      planted.set(value, `${where}${kind === "LITERAL" ? ", written there" : ""}`);
      if (kind === "LITERAL") return value;
      environment[`PLANTED_${count}`] = value;
      return `\${PLANTED_${count}}`;
    };
    for (const name of ["PGPASSWORD", "HUNTED_TOKEN"]) {
      environment[name] = `HUNTenv${name}-9`;
      planted.set(environment[name] ?? "", name);
    }
    const plain = commandLine(folder);
    let watching: ReturnType<typeof plain.start> | undefined;
    try {
      const up = await plain.run("lab", "up", "hunted", "--no-durable");
      assert.equal(up.code, 0, up.stderr);
      const labFile = filesIn(folder).find((file) => file.endsWith("/blackstart.yaml")) ?? "";
      const file = parse(readFileSync(labFile, "utf8"));
      const urls = Object.entries<{ url: string }>(file.clusters.ledger.nodes).map(([name, { url }]) => [name, url]);
      const { pg1 = "", pg2 = "" } = Object.fromEntries(urls);
      await withConnection(pg1, {}, (one) => one.query("create table fixed (value text)"));
      plant(file, secret);
      writeFileSync(join(folder, "blackstart.yaml"), stringify(file));

      const { run, start } = commandLine(folder, environment);
      const said: Record<string, string> = {};
      const ask = async (...args: string[]): Promise<Ended> => {
        const ended = await run(...args);
        said[args.join(" ")] = ended.stdout + ended.stderr;
        return ended;
      };
      watching = start("up", "--port", "0", "--json");
      let told = "";
      watching.stdout?.on("data", (data) => (told += data));
      watching.stderr?.on("data", (data) => (told += data));
      const lines = createInterface({ input: watching.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
      const { up: api } = JSON.parse((await lines.next()).value ?? "{}");

      const together = (...asked: readonly (readonly string[])[]) => Promise.all(asked.map((args) => ask(...args)));
      await together(["check"], ["status", "--json"]);
      const repaired = await ask("recover", "invariants", "sound", "--apply", "--yes", "--json");
      assert.equal(repaired.code, 0, repaired.stdout + repaired.stderr);
      assert.match(repaired.stdout, /insert into fixed values \('\$\{PLANTED_/, "the reference is shown in its place");
      const [row] = await withConnection(pg1, {}, (one) => one.query<{ value: string }>("select value from fixed"));
      assert.ok(planted.has(row?.value ?? ""), `the repair wrote ${row?.value}, not the secret itself`);
      await together(["recover", "cache", "balances", "--json"], ["mitigate", "restart", "api"]);
      await together(
        ["mitigate", "restart", "api", "--apply", "--yes", "--json"],
        ["mitigate", "restart", "ledger/pg3", "--apply", "--yes"],
      );
      await ask("lab", "break", "kill-primary", "--lab", "hunted");
      await ask("mitigate", "failover", "--apply", "--yes", "--accept-loss", "--json");
      const [list] = await together(
        ["plan", "list", "--all", "--json"],
        ["plan", "show", "latest", "--json"],
        ["plan", "show", "latest"],
        ["mitigate", "switchover"],
        ["mitigate", "clean-up", "--json"],
        ["incident", "list", "--json"],
        ["incident", "show", "latest"],
        ["postmortem", "draft", "latest"],
        ["reproduce", "capture", "ledger", "--json"],
        ["init", pg2.replace("blackstart@", `blackstart:${environment.PGPASSWORD}@`), "--json"],
      );
      assert.match(list?.stdout ?? "", /restart/);
      for (const path of [
        "/api/status",
        "/api/findings",
        "/api/incidents",
        "/api/plans",
        "/metrics",
        "/healthz",
        "/openapi.json",
      ])
        said[`GET ${path}`] = await (await fetch(`${api.url}${path}`)).text();
      watching.kill("SIGTERM");
      await once(watching, "close");
      said.up = told;

      const values = [...planted].flatMap(([value, where]) =>
        [...new Set([value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)])].map(
          (form) => [form, where] as const,
        ),
      );
      const found = (text: string, place: string) =>
        values
          .filter(([form]) => text.includes(form))
          .map(([form, where]) => `${where} in ${place}: ${around(text, form)}`);
      assert.deepEqual(
        Object.entries(said).flatMap(([place, text]) => found(text, place)),
        [],
      );
      const kept = filesIn(folder).filter((path) => !isTheirs(relative(folder, path)));
      assert.ok(
        kept.some((path) => path.endsWith(".db")),
        kept.join(),
      );
      assert.deepEqual(
        kept.flatMap((path) => found(readFileSync(path, "latin1"), relative(folder, path))),
        [],
      );
    } finally {
      watching?.kill("SIGKILL");
      await plain.run("lab", "down", "--all");
    }
  }));

/** What the user wrote, what PostgreSQL keeps for itself, and the rows that a repair changed (0600). */
function isTheirs(path: string): boolean {
  return (
    path === "blackstart.yaml" ||
    /\/(data|pg\d(\.kept-[^/]*|\.aside-[^/]*)?)\/|blackstart-pgpass|before-images/.test(path)
  );
}

function plant(file: Record<string, unknown>, secret: (where: string) => (kind?: string) => string): void {
  const names: Record<string, readonly string[]> = {
    clusters: ["ledger"],
    nodes: ["pg1", "pg2", "pg3"],
    caches: ["balances"],
    services: ["api"],
    invariants: ["sound"],
    features: ["extra"],
  };
  for (const [path, place] of Object.entries(places)) {
    const value = place === "public" ? given[path] : place;
    if (value === undefined || path === "clusters.*.nodes.*" || path === "invariants.*.repair.[]") continue;
    // A node whose commands fail cannot be failed over to: one has them.
    const nodes = /\.(start|stop)$/.test(path) ? ["pg3"] : (names.nodes ?? []);
    const places = path
      .split(".")
      .reduce<(readonly string[])[]>(
        (all, key, index, keys) =>
          all.flatMap((one) =>
            key !== "*"
              ? [[...one, key]]
              : (keys[index - 1] === "nodes" ? nodes : (names[keys[index - 1] ?? ""] ?? [])).map((name) => [
                  ...one,
                  name,
                ]),
          ),
        [[]],
      );
    for (const at of places)
      set(file, at, (present) => (typeof value === "function" ? value(secret(at.join(".")), present) : value));
  }
}

// biome-ignore lint/suspicious/noExplicitAny: a tree of YAML
function set(tree: any, [key = "", ...rest]: readonly string[], by: (present: string | undefined) => unknown): void {
  const at = key === "[]" ? 0 : key;
  if (rest.length === 0) tree[at] = by(tree[at]);
  else {
    tree[at] ??= rest[0] === "[]" ? [] : {};
    set(tree[at], rest, by);
  }
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function around(text: string, form: string): string {
  const at = text.indexOf(form);
  return text.slice(Math.max(0, at - 80), at + form.length + 20);
}
