import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pollUntil } from "../../../src/base/time.ts";
import type { Host } from "../../../src/drivers/host/host.ts";
import { localHost } from "../../../src/drivers/host/local.ts";
import { type Instance, knownState } from "../../../src/drivers/postgres/instance.ts";
import { openInstance } from "../../../src/drivers/postgres/instance/open-instance.ts";
import type { Lab } from "../../../src/lab/lab.ts";
import { withLab } from "../../support/lab.ts";
import { inNamespace, noNamespaces } from "../../support/namespace.ts";
import { postgresVersions } from "../../support/postgres-versions.ts";

/* A server is known by its directory's device and inode, whatever namespace it runs in and whatever path it sees. */

const version = postgresVersions.find(({ skip }) => skip === false);
const binaries = version?.binaries ?? "";

describe("a server in other namespaces", { skip: version === undefined ? "no PostgreSQL" : noNamespaces }, () => {
  for (const [title, flags] of [
    ["of mounts, with its directory bind-mounted elsewhere", ["-m"]],
    ["of mounts, pids and System V memory, as in a container", ["-m", "-i", "-p", "-f", "--mount-proc"]],
  ] as const) {
    test(`${title}: is seen to run, halted or not, is stopped, started beside, and killed`, () =>
      withStopped(async ({ lab, pg1 }) => {
        await inside(lab, flags, pg1, async () => {
          const state = await knownState(pg1);
          assert.equal(state.state, "running");
          assert.equal(state.pids.includes(state.postmasterPid as number), true);
          process.kill(state.postmasterPid as number, "SIGSTOP");
          assert.equal((await pg1.inspect()).state, "stopped-processes");
          process.kill(state.postmasterPid as number, "SIGCONT");
          // Starting what runs is no error, and starts nothing.
          await pg1.start(60_000);
          assert.equal((await knownState(pg1)).postmasterPid, state.postmasterPid);
          await pg1.stop("fast", 10_000);
          assert.equal((await pg1.inspect()).state, "down");
          assert.equal((await pg1.control()).clusterState, "shut down");
        });
        await inside(lab, flags, pg1, async () => {
          await pg1.kill();
          assert.equal((await pg1.inspect()).state, "down");
        });
      }));
  }

  test("with the same path as another: they are two, and the other is spared", () =>
    withStopped(async ({ lab, pg1 }) => {
      const other = sibling(lab, "other");
      const twin = { dataDirectory: other.dataDirectory, path: pg1.dataDirectory, binaries, flags: ["-m"] };
      await inNamespace(twin, async () => {
        // By its own name for its directory it is pg1.
        assert.equal((await pg1.inspect()).state, "down");
        await pg1.kill();
        assert.equal((await other.inspect()).state, "running");
        await other.kill();
        assert.equal((await other.inspect()).state, "down");
      });
    }));

  test("is seen through a link, and after its directory was renamed", () =>
    withStopped(async ({ lab, pg1 }) => {
      await pg1.start(60_000);
      const link = join(lab.directory, "link");
      symlinkSync(pg1.dataDirectory, link);
      assert.equal((await instanceAt(link).inspect()).state, "running");
      const renamed = `${pg1.dataDirectory}-renamed`;
      renameSync(pg1.dataDirectory, renamed);
      assert.equal((await instanceAt(renamed).inspect()).state, "running");
      assert.equal((await pg1.inspect()).state, "no-data");
      renameSync(renamed, pg1.dataDirectory);
      await pg1.kill();
    }));

  test("whose directory was removed is seen and ended by its name, in our own namespace", () =>
    withStopped(async ({ pg1 }) => {
      await pg1.start(60_000);
      // Halted, lest it ends by itself.
      for (const pid of (await knownState(pg1)).pids) process.kill(pid, "SIGSTOP");
      rmSync(pg1.dataDirectory, { recursive: true, force: true });
      assert.ok((await knownState(pg1)).pids.length > 0);
      await pg1.kill();
      assert.equal((await pg1.inspect()).state, "no-data");
    }));

  test("that was killed with its lock file left is down, and the lock file goes", () =>
    withStopped(async ({ pg1 }) => {
      await pg1.start(60_000);
      for (const pid of (await knownState(pg1)).pids) process.kill(pid, "SIGKILL");
      await until(async () => (await pg1.inspect()).state === "down");
      readFileSync(join(pg1.dataDirectory, "postmaster.pid"));
      await pg1.kill();
      assert.throws(() => readFileSync(join(pg1.dataDirectory, "postmaster.pid")), { code: "ENOENT" });
    }));
});

function inside(lab: Lab, flags: readonly string[], { dataDirectory }: Instance, use: () => Promise<void>) {
  return inNamespace({ dataDirectory, path: join(lab.directory, "inner"), binaries, flags }, use);
}

/* Looked at from where its processes cannot be seen: what cannot be told is unknown, and nothing may be done to it. */
describe("a server that runs out of sight", { skip: version === undefined ? "no PostgreSQL" : noNamespaces }, () => {
  const sights: readonly [title: string, flags: readonly string[], why: RegExp][] = [
    [
      "in a namespace of pids, with the same System V memory",
      ["-m", "-p", "-f", "--mount-proc"],
      /attached to its shared memory/,
    ],
    [
      "in a container that has the directory as a volume",
      ["-m", "-i", "-p", "-f", "--mount-proc"],
      /outside of this container/,
    ],
  ];
  for (const [title, flags, why] of sights)
    test(`${title}: is unknown, and is neither killed, stopped, started nor copied over`, () =>
      withStopped(async ({ lab, pg1 }) => {
        await pg1.start(60_000);
        const inside = instanceAt(pg1.dataDirectory, hostIn(flags, pg1.dataDirectory));
        const state = await inside.inspect();
        assert.equal(state.state, "unknown");
        assert.match(state.state === "unknown" ? state.why : "", why);
        await assert.rejects(inside.kill(), { code: "HOST_COMMAND_FAILED", why });
        await assert.rejects(inside.stop("fast", 5000), { code: "HOST_COMMAND_FAILED", why });
        await assert.rejects(inside.start(5000), { code: "HOST_COMMAND_FAILED", why });
        const source = { url: lab.node("pg1").url, replication: "", instance: pg1 };
        await assert.rejects(inside.clone(source, { timeoutMs: 5000 }), { code: "NOT_POSSIBLE_NOW", why });
        assert.equal((await pg1.inspect()).state, "running");
        await pg1.stop("fast", 10_000);
        // It has taken its lock file away: no doubt is left.
        assert.equal((await inside.inspect()).state, "down");
      }));

  test("in the upper layer of an overlay is unknown by its lock file, which is the same one", () =>
    withStopped(async ({ lab, pg1 }) => {
      const [lower, work] = ["lower", "work"].map((name) => join(lab.directory, name));
      for (const folder of [lower, work]) mkdirSync(folder as string);
      const options = `lowerdir=${lower},upperdir=${pg1.dataDirectory},workdir=${work}`;
      const mount = {
        dataDirectory: pg1.dataDirectory,
        path: join(lab.directory, "merged"),
        binaries,
        flags: ["-m", "-i"],
      };
      await inNamespace({ ...mount, overlay: options }, async () => {
        const state = await pg1.inspect();
        assert.equal(state.state, "unknown");
        assert.match(state.state === "unknown" ? state.why : "", /same lock file/);
      });
    }));
});

/** This machine, seen from namespaces of one's own, where the directory is a mount. */
function hostIn(flags: readonly string[], directory: string): Host {
  const inner = `mount --bind "$1" "$1" && script=$2 && shift 2 && exec sh -c "$script" sh "$@"`;
  return {
    reference: "local:",
    run: ({ as: _as, ...command }) =>
      localHost().run({
        ...command,
        script: `exec unshare ${flags.join(" ")} sh -c '${inner}' sh "$@"`,
        args: [directory, command.script, ...(command.args ?? [])],
      }),
  };
}

type Stopped = Readonly<{ lab: Lab; pg1: Instance }>;

async function withStopped(use: (stopped: Stopped) => Promise<void>): Promise<void> {
  await withLab({ binaries, standbys: [] }, async (lab) => {
    const pg1 = instanceAt(lab.node("pg1").dataDirectory);
    await pg1.stop("fast", 10_000);
    await use({ lab, pg1 });
  });
}

function instanceAt(dataDirectory: string, host: Host = localHost()): Instance {
  const place = { configFile: undefined, binaries, start: undefined, stop: undefined };
  return openInstance({ host, node: "pg1", dataDirectory, ...place });
}

/** A copy of pg1's stopped server, with a port that is free while pg1 is down. */
function sibling(lab: Lab, name: string): Instance {
  const copy = join(lab.directory, name);
  const done = spawnSync("cp", ["-a", lab.node("pg1").dataDirectory, copy]);
  assert.equal(done.status, 0);
  return instanceAt(copy);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const held = await pollUntil(async () => ((await holds()) ? true : undefined), { everyMs: 10, timeoutMs: 60_000 });
  assert.ok(held, "the state was not reached within 60 s");
}
