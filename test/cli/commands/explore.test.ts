import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pollUntil } from "../../../src/base/time.ts";
import { cibXml, colocation, database, outageOf2017, virtualIp } from "../../reproduce/explore/cibs.ts";
import { withoutScheduler } from "../../reproduce/explore/searching.ts";
import { withFolder } from "../../support/folder.ts";
import { type CommandLine, commandLine } from "../command-line.ts";

const blocking = outageOf2017({ direction: "D2", score: "-INFINITY", stickiness: 100 });
const sound = outageOf2017({ direction: "D1", score: "-INFINITY", stickiness: 100 });
const withoutCrm = spawnSync("sh", ["-c", "PATH=$PATH:/usr/sbin command -v crm"]).status !== 0;
const realScheduler = spawnSync("sh", ["-c", "PATH=$PATH:/usr/sbin command -v crm_simulate"], {
  encoding: "utf8",
}).stdout.trim();

describe("reproduce explore", { skip: withoutScheduler }, () => {
  test("what blocks: the faults, the candidate, the constraint, the repair; exit code 1", async () => {
    await withCib(blocking, async (run) => {
      const { code, result, records, stderr } = await run("--faults", "1", "--json");
      assert.equal(code, 1, stderr);
      assert.equal(result.result, "explore");
      assert.ok(result.states > 5 && result.statesPerSecond > 0 && result.complete);
      const [found] = result.blocked;
      assert.deepEqual(found.faults, [{ kind: "node-down", node: "pg1", text: "pg1 goes down" }]);
      assert.equal(found.candidate, "pg2");
      assert.equal(found.constraint, "backup-vip-not-with-master");
      assert.deepEqual([found.repair.constraint, found.repair.attribute], [found.constraint, "direction"]);
      assert.ok(found.insufficient.some((each: { to: string }) => each.to === "-1000"));
      assert.equal(records.filter(({ finding }) => finding?.code === "failover.blocked").length, 1);
    });
  });

  test("for people", async () => {
    await withCib(blocking, async (run) => {
      const { code, stdout } = await run("--faults", "1");
      assert.equal(code, 1);
      assert.match(stdout, /critical {2}Nothing is promoted, although pg2 could be\./);
      assert.match(stdout, /faults: pg1 goes down/);
      assert.match(stdout, /blocked by: backup-vip-not-with-master; without it pg2 is promoted/);
      assert.match(stdout, /not enough: backup-vip-not-with-master: score -INFINITY → -1000/);
    });
  });

  test("nothing blocks: exit code 0", async () => {
    await withCib(sound, async (run) => {
      const { code, stdout, result } = { ...(await run("--faults", "1", "--json")) };
      assert.equal(code, 0, stdout);
      assert.deepEqual(result.blocked, []);
      assert.equal(result.complete, true);
    });
  });

  test("a search that ends early has not shown that nothing blocks: exit code 4", async () => {
    await withCib(sound, async (run) => {
      const { code, stdout } = await run("--faults", "3", "--states", "2");
      assert.equal(code, 4);
      assert.match(stdout, /Stopped early: --states was reached\. What is not listed was not ruled out\./);
    });
  });

  test("Ctrl-C ends it with what was found so far, and leaves nothing behind", async () => {
    await withCib(blocking, async (_, { start }) => {
      const child = start("reproduce", "explore", "--cib", "cib.xml", "--faults", "6", "--json");
      const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
      let stdout = "";
      let stderr = "";
      child.stdout?.on("data", (data) => {
        stdout += data;
      });
      child.stderr?.on("data", (data) => {
        stderr += data;
        if (/searching|looking/.test(stderr)) child.kill("SIGINT");
      });
      const code = await ended;
      const result = JSON.parse(stdout.trim().split("\n").at(-1) ?? "{}");
      assert.equal(result.interrupted, true, stderr);
      assert.equal(result.complete, false);
      assert.equal(code, result.blocked.length > 0 ? 1 : 4);
    });
  });

  test("a scheduler that is asked for nothing more when it is told to end", async () => {
    const pidFile = "hanging.pid";
    await withScheduler(`echo $$ > ${pidFile}; exec sleep 600`, async (line, folder) => {
      const child = line.start("reproduce", "explore", "--cib", "cib.xml");
      const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
      const pid = await pollUntil(async () => pidIn(join(folder, pidFile)), { everyMs: 20, timeoutMs: 60_000 });
      assert.ok(pid !== undefined && isAlive(pid));
      child.kill("SIGINT");
      assert.equal(await ended, 130);
      const gone = await pollUntil(async () => (isAlive(pid) ? undefined : true), { everyMs: 20, timeoutMs: 60_000 });
      assert.equal(gone, true);
    });
  });

  test("a scheduler whose log is not understood is asked state by state", async () => {
    const otherWords = 'case " $* " in *" --profile "*) echo "in other words"; exit 0;; esac';
    await withScheduler(`${otherWords}; PATH=$PATH:/usr/sbin exec "$REAL" "$@"`, async (line) => {
      const { code, result, stderr } = await line.run(
        ..."reproduce explore --cib cib.xml --faults 1 --json".split(" "),
      );
      assert.equal(code, 1, stderr);
      assert.match(stderr, /is not understood: a process for each state/);
      assert.equal(result.blocked[0].constraint, "backup-vip-not-with-master");
    });
  });

  const text = cibXml({ resources: virtualIp("VIP") });
  const wrong: readonly [string, string, RegExp][] = [
    ["nothing that can be promoted", text, /Nothing in cib\.xml can be promoted\.[^]*next: /],
    [
      "no XML at all, nor crm's text",
      "hello world\n",
      /(crm does not take cib\.xml|crm, which could turn it)[^]*next: /,
    ],
    ["XML that is cut off", blocking.slice(0, 900), /rejects the CIB|no well-formed XML/],
    ["other XML", "<html><body/></html>", /rejects the CIB|holds no CIB/],
    [
      "a constraint on a resource that is not there",
      cibXml({
        resources: database({ id: "P", clone: "ms" }),
        constraints: colocation("apart", "-INFINITY", "ms:Master", "Nobody"),
      }),
      /rejects the CIB\.[^]*with-rsc references an unknown ID "Nobody"[^]*next: /,
    ],
    [
      "a newer schema",
      blocking.replace("pacemaker-2.10", "pacemaker-9.9"),
      /rejects the CIB\.[^]*Its schema is pacemaker-9\.9/,
    ],
    [
      "a bundle",
      blocking.replace("</resources>", '<bundle id="b"><docker image="i"/></bundle></resources>'),
      /has a bundle: b\./,
    ],
  ];
  for (const [name, given, says] of wrong)
    test(`${name}: exit code 2, and what to do`, async () => {
      await withCib(given, async (run) => {
        const { code, stderr, stdout } = await run();
        assert.equal(code, name.startsWith("no XML") && withoutCrm ? 1 : 2, stderr);
        assert.match(stderr, says);
        assert.equal(stdout, "");
      });
    });

  test("a file that is not there, and numbers that are none: exit code 2", async () => {
    await withCib(sound, async (run, line) => {
      const missing = await line.run("reproduce", "explore", "--cib", "nowhere.xml");
      assert.equal(missing.code, 2);
      assert.match(missing.stderr, /nowhere\.xml cannot be read\.[^]*cibadmin --query/);
      for (const faults of ["0", "7", "many", "1.5"]) assert.equal((await run("--faults", faults)).code, 2, faults);
    });
  });

  test("what crm configure show prints will do", { skip: crmSkip() }, async () => {
    const shell = `node 1: pg1
node 2: pg2
primitive Backup IPaddr2 params ip=192.0.2.1 op monitor interval=2s
primitive P pgsql params rep_mode=sync op monitor interval=2s op monitor interval=1s role=Master
ms ms P meta notify=true
colocation apart -inf: ms:Master Backup
property stonith-enabled=false no-quorum-policy=ignore
rsc_defaults resource-stickiness=100
`;
    await withCib(shell, async (run) => {
      const { code, result, stderr } = await run("--faults", "1", "--json");
      assert.equal(code, 1, stderr);
      assert.equal(result.blocked[0].constraint, "apart");
      assert.match(stderr, /a healthy cluster with all nodes online was assumed/);
    });
  });

  test("where crm_simulate is not installed: which package has it", { skip: mountSkip() }, async () => {
    await withFolder(async (folder) => {
      await writeFile(join(folder, "cib.xml"), sound);
      const program = join(import.meta.dirname, "..", "..", "..", "bin", "blackstart.mjs");
      const script = 'mount -t tmpfs none /usr/sbin && exec "$0" "$@"';
      const args = ["-m", "sh", "-c", script, process.execPath, program, "reproduce", "explore", "--cib", "cib.xml"];
      const { status, stderr } = spawnSync("unshare", args, { cwd: folder, encoding: "utf8" });
      assert.equal(status, 1, stderr);
      assert.match(stderr, /crm_simulate is not installed\.[^]*pacemaker-cli-utils/);
    });
  });
});

function crmSkip(): string | undefined {
  if (withoutCrm) return "crm is not installed (crmsh)";
  const { status } = spawnSync("sh", ["-c", "PATH=$PATH:/usr/sbin crm --version"]);
  return status === 0 ? undefined : "crm does not run as this user (it cannot write its own log)";
}

/** Hides /usr/sbin in a mount namespace of its own. */
function mountSkip(): string | undefined {
  const isPossible = spawnSync("unshare", ["-m", "mount", "-t", "tmpfs", "none", "/usr/sbin"]).status === 0;
  return isPossible ? undefined : "only root may hide a folder from a process";
}

/** Puts another program in the place of `crm_simulate`; `$REAL` is the real one. */
async function withScheduler(script: string, use: (line: CommandLine, folder: string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await writeFile(join(folder, "cib.xml"), blocking);
    const bin = join(folder, "bin");
    await mkdir(bin);
    const inFolder = `cd "${folder}"\n`;
    await writeFile(join(bin, "crm_simulate"), `#!/bin/sh\n${inFolder}${script}\n`, { mode: 0o755 });
    await use(await lineIn(folder, { PATH: `${bin}:${process.env.PATH}`, REAL: realScheduler }), folder);
    await assertNothingLeft(folder);
  });
}

async function pidIn(file: string): Promise<number | undefined> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.endsWith("\n") ? Number(text) : undefined;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // There is no such process any more.
  }
}

/** The program, whose temporary files lie in the folder as well, so that what is left of them can be seen. */
async function lineIn(folder: string, variables: NodeJS.ProcessEnv = {}): Promise<CommandLine> {
  await mkdir(join(folder, "tmp"));
  return commandLine(folder, { TMPDIR: join(folder, "tmp"), ...variables });
}

async function assertNothingLeft(folder: string): Promise<void> {
  assert.deepEqual(await readdir(join(folder, "tmp")), []);
}

type Run = (...args: readonly string[]) => ReturnType<CommandLine["run"]>;

async function withCib(text: string, use: (run: Run, line: CommandLine) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    await writeFile(join(folder, "cib.xml"), text);
    const line = await lineIn(folder);
    await use((...args) => line.run("reproduce", "explore", "--cib", "cib.xml", ...args), line);
    await assertNothingLeft(folder);
  });
}
