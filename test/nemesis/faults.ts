import { readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { killTogether, send } from "../../src/lab/signals.ts";

import type { Animal, AnimalNode } from "./animal.ts";
import { nodeAt } from "./clients.ts";
import type { LineState } from "./links.ts";
import type { Product } from "./product.ts";
import type { Fault, FaultKind, Target } from "./schedule.ts";

export type Stage = Readonly<{ animal: Animal; product: Product; say(text: string): void }>;

/** What was done, in words, and how it is taken back; undefined: it cannot be done to this world now. */
export type Done = Readonly<{ words: string; takeBack?: () => void }>;

type Injection = (stage: Stage, node: AnimalNode, fault: Fault) => Done | undefined | Promise<Done | undefined>;

const injections: Readonly<Record<FaultKind, Injection>> = {
  "kill-server": (_, node) => {
    killTogether(() => node.processes().map((pid) => ({ pid })));
    return { words: `SIGKILL to all of ${node.name}` };
  },
  "kill-postmaster": (_, node) => signalled(node.postmaster(), "SIGKILL", `the postmaster of ${node.name}`),
  "stop-server-fast": (_, node) => signalled(node.postmaster(), "SIGINT", `the postmaster of ${node.name} (fast stop)`),
  "suspend-postmaster": (_, node) => suspended([node.postmaster() ?? []].flat(), `the postmaster of ${node.name}`),
  "suspend-server": (_, node) => suspended(node.processes(), `all of ${node.name}`),
  "suspend-up": ({ product }) => {
    product.signal("SIGSTOP");
    return { words: "SIGSTOP to up", takeBack: () => product.signal("SIGCONT") };
  },
  "kill-up": ({ product }, _, { forMs }) => {
    product.kill(Math.min(forMs, 1500));
    return { words: "SIGKILL to up" };
  },
  "step-clock": ({ product }, _, { dice }) => {
    const seconds = Math.round((dice - 0.5) * 2000);
    product.stepClock(seconds);
    return { words: `the clock of up goes ${seconds} s` };
  },
  "cut-us": (stage, node, fault) => broken(stage, [`us>${node.name}`], fault),
  "cut-clients": (stage, node, fault) => broken(stage, [`clients>${node.name}`], fault),
  "cut-replication": (stage, node, fault) => broken(stage, replicationLines(stage, node), fault),
  isolate: (stage, node, fault) => {
    const outward = stage.animal.nodes.filter((one) => one !== node).map((one) => `${node.name}>${one.name}`);
    const lines = [`us>${node.name}`, `clients>${node.name}`, ...replicationLines(stage, node), ...outward];
    const done = broken(stage, lines, fault);
    const host = hostCut(stage, node, fault);
    return done && { words: done.words, takeBack: () => [done, host].forEach((one) => one?.takeBack?.()) };
  },
  "cut-host": hostCut,
  "terminate-backends": (_, node) =>
    asked(node, `ended every session of ${node.name}`, [
      "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()",
    ]),
  "promote-by-hand": async ({ animal }, node) => {
    const standby = nodeAt(animal) === node ? animal.nodes.find((one) => one !== node) : node;
    return standby && asked(standby, `a person promoted ${standby.name}`, ["select pg_promote(false)"]);
  },
  "start-as-primary": async ({ animal }) => {
    const old = animal.nodes[0] as AnimalNode;
    if (nodeAt(animal) === old || old.processes().length > 0) return undefined;
    rmSync(join(old.dataDirectory, "standby.signal"), { force: true });
    await old.start();
    return { words: `a person started ${old.name} as a primary` };
  },
  // As its supervisor does it: with what lies in its data directory.
  "start-again": async ({ animal }, node) => {
    const isDown = (one: AnimalNode) => one.processes().length === 0;
    const down = [node, ...animal.nodes].find(isDown);
    await down?.start();
    return down && { words: `${down.name} was started again as it is` };
  },
  "lag-standby": async ({ animal }, node) => {
    const primary = nodeAt(animal);
    if (primary === undefined) return undefined;
    const sql = "select pid, application_name as name from pg_stat_replication order by 2";
    const senders = await rowsOf(primary, sql);
    const sender = senders.find(({ name }) => name === node.name) ?? senders.at(-1);
    return suspended(sender === undefined ? [] : [Number(sender.pid)], `the walsender for ${sender?.name}`);
  },
  "pause-replay": async ({ animal }, node) => {
    const standby = nodeAt(animal) === node ? animal.nodes.find((one) => one !== node) : node;
    const done =
      standby && (await asked(standby, `replay is paused on ${standby.name}`, ["select pg_wal_replay_pause()"]));
    return (
      done && {
        ...done,
        // Where it was promoted meanwhile, there is nothing to resume.
        takeBack: () => void asked(standby as AnimalNode, "", ["select pg_wal_replay_resume()"]),
      }
    );
  },
  "edit-synchronous": ({ animal }, _, { dice }) => {
    const primary = nodeAt(animal);
    const names = dice < 0.4 ? "" : dice < 0.7 ? "pg9" : "*";
    return (
      primary &&
      asked(primary, `a person set synchronous_standby_names of ${primary.name} to '${names}'`, [
        `alter system set synchronous_standby_names = '${names}'`,
        "select pg_reload_conf()",
      ])
    );
  },
  switchover: ({ product, say }) => {
    // Not waited for: what else goes wrong meanwhile is the point.
    void product
      .run("mitigate", "switchover", "ledger", "--apply", "--yes")
      .then(({ code }) => say(`switchover: exit code ${code}`));
    return { words: "a person asked for a switchover" };
  },
  "resume-old-plan": async ({ product }) => {
    const plan = product.told.find(({ event }) => event.kind === "plan.stored")?.event.stream.slice("plan/".length);
    if (plan === undefined) return undefined;
    const { code } = await product.run("plan", "resume", plan, "--yes");
    return { words: `a person resumed ${plan} (exit code ${code})` };
  },
};

/** Carries one out. Answers undefined where the world leaves no room for it. */
export async function inject(stage: Stage, fault: Fault): Promise<Done | undefined> {
  const node = targetOf(stage.animal, fault.target);
  return node && injections[fault.kind](stage, node, fault);
}

function targetOf(animal: Animal, target: Target): AnimalNode | undefined {
  const primary = nodeAt(animal);
  if (target === "primary") return primary;
  return animal.nodes.filter((node) => node !== primary)[target === "standby-1" ? 0 : 1];
}

function replicationLines({ animal }: Stage, node: AnimalNode): readonly string[] {
  const others = animal.nodes.filter((one) => one !== node).map(({ name }) => name);
  return [...others, "15/main", "walreceiver", "nodes"].map((from) => `${from}>${node.name}`);
}

function broken({ animal: { links } }: Stage, lines: readonly string[], { dice }: Fault): Done | undefined {
  if (links === undefined) return undefined;
  const states: readonly LineState[] = ["cut", "silent", "deaf", "mute"];
  const state = states[Math.floor(dice * states.length)] as LineState;
  for (const line of lines) links.set(line, state);
  return {
    words: `${lines.join(", ")}: ${state}`,
    takeBack: () => {
      for (const line of lines) links.set(line, "open");
    },
  };
}

/** Its ssh answers no more: at once, or never. */
function hostCut({ animal: { hosts } }: Stage, { name }: AnimalNode, { dice }: Fault): Done | undefined {
  if (hosts === undefined) return undefined;
  const state = dice < 0.5 ? "refused" : "silent";
  hosts.cut(name, state);
  return { words: `us>host of ${name}: ${state}`, takeBack: () => hosts.heal(name) };
}

function signalled(pid: number | undefined, signal: NodeJS.Signals, what: string): Done | undefined {
  if (pid === undefined) return undefined;
  send(pid, signal);
  return { words: `${signal} to ${what}` };
}

/** Goes on only if it is still a server: its number may be another's by then. */
function suspended(pids: readonly number[], what: string): Done | undefined {
  if (pids.length === 0) return undefined;
  for (const pid of pids) send(pid, "SIGSTOP");
  const takeBack = () => {
    for (const pid of pids) if (isServer(pid)) send(pid, "SIGCONT");
  };
  return { words: `SIGSTOP to ${what}`, takeBack };
}

function isServer(pid: number): boolean {
  try {
    return /postgres/.test(readlinkSync(`/proc/${pid}/exe`));
  } catch {
    return false; // It has ended.
  }
}

async function asked(node: AnimalNode, words: string, statements: readonly string[]): Promise<Done | undefined> {
  try {
    for (const statement of statements) await rowsOf(node, statement);
    return { words };
  } catch {
    return undefined; // It does not answer, or is no standby any more.
  }
}

async function rowsOf(node: AnimalNode, sql: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client(node.login);
  client.on("error", () => undefined); // The statement tells it.
  try {
    await client.connect();
    return (await client.query(sql)).rows;
  } finally {
    (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  }
}
