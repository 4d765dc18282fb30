import pg from "pg";
import { commandLine, type Ended } from "../cli/command-line.ts";
import { pollUntil } from "../../src/base/time.ts";
import { join } from "node:path";
import type { Link } from "./link.ts";
import type { Recipe } from "./recipe.ts";
import { type Place, processesOf, runAs, signalAll, startServer } from "./server.ts";

/** The clients' role owns what it writes and may do nothing else; Blackstart's is a superuser. */
export type Role = "app" | "blackstart" | "replicator";
export const passwords: Readonly<Record<Role, string>> = {
  app: "hush",
  blackstart: "hush too",
  replicator: "hush, hush",
};

/** A running cluster that Blackstart has not made. */
export type Zoo = Readonly<{
  recipe: Recipe;
  folder: string;
  major: number;
  nodes: readonly string[];
  /** The path of a blackstart.yaml that describes it, as its owner would have written it. */
  systemFile: string;
  /** The address at which the clients find the primary: one line, host:port. */
  addressFile: string;
  place(node: string): Place;
  /** By which the system file has it, and so the clients' address file: that of the link to it, where it is far away. */
  declaredPort(node: string): number;
  /** What a client of that role connects with. */
  login(port: number, role: Role): pg.ClientConfig;
  query(node: string, sql: string, role?: Role): Promise<readonly Record<string, string | number | boolean | null>[]>;
  start(node: string): Promise<void>;
  /** As an operator stops it: pg_ctl, mode fast. */
  stop(node: string): Promise<void>;
  /** Every process of it, at once, as if its power was cut. */
  kill(node: string): Promise<void>;
  signal(node: string, signal: NodeJS.Signals): void;
  runs(node: string): boolean;
  /** The real program; `--file` and `--json` are put behind its words. */
  blackstart(...words: string[]): Promise<Ended>;
}>;

export function handleOf(
  given: Pick<Zoo, "recipe" | "folder" | "major" | "nodes" | "systemFile" | "addressFile"> &
    Readonly<{
      places: ReadonlyMap<string, Place>;
      links: ReadonlyMap<string, Link>;
      variables: NodeJS.ProcessEnv;
    }>,
): Zoo {
  const { places, links, variables, ...facts } = given;
  const place = (node: string) => {
    const found = places.get(node);
    if (found === undefined) throw new Error(`no node ${node}`);
    return found;
  };
  const login = (port: number, role: Role): pg.ClientConfig => ({
    host: "127.0.0.1",
    port,
    user: role,
    database: "postgres",
    connectionTimeoutMillis: 10_000,
    query_timeout: 10_000,
    ...(facts.recipe.passwords ? { password: passwords[role] } : {}),
    ...(facts.recipe.tls ? { ssl: { rejectUnauthorized: false } } : {}),
  });
  const runs = (node: string) => processesOf(place(node)).length > 0;
  const program = commandLine(facts.folder, variables);
  return {
    ...facts,
    place,
    declaredPort: (node) => links.get(node)?.port ?? place(node).port,
    login,
    runs,
    async query(node, sql, role = "blackstart") {
      const client = new pg.Client(login(place(node).port, role));
      client.on("error", () => undefined); // The query says it.
      await client.connect();
      try {
        return (await client.query(sql)).rows;
      } finally {
        await client.end();
      }
    },
    start: (node) => startServer(place(node)),
    stop: (node) =>
      runAs(place(node), join(place(node).binaries, "pg_ctl"), "stop", "-D", place(node).innerData, "-m", "fast", "-w"),
    async kill(node) {
      signalAll(processesOf(place(node)), "SIGKILL");
      const isGone = await pollUntil(async () => !runs(node) || undefined, { everyMs: 5, timeoutMs: 60_000 });
      if (!isGone) throw new Error(`${node} outlives SIGKILL`);
    },
    signal(node, signal) {
      signalAll(processesOf(place(node)), signal);
    },
    blackstart: (...words) => program.run(...words, "--file", facts.systemFile, "--json"),
  };
}

/** Until it holds; fails with what was waited for, and what was seen last. */
export async function until(what: string, ask: () => Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  let last: unknown;
  const isSo = await pollUntil(
    () =>
      ask().then(
        (answer) => answer || undefined,
        (error: unknown) => {
          last = error;
          return undefined;
        },
      ),
    { everyMs: 20, timeoutMs },
  );
  if (!isSo) throw new Error(`not reached: ${what}${last === undefined ? "" : ` (${String(last)})`}`);
}
