import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, chownSync, readdirSync } from "node:fs";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { pollUntil } from "../../src/base/time.ts";
import { withConnection } from "../../src/drivers/postgres/connection.ts";
import { serverAccount } from "../../src/lab/account.ts";
import { createLab } from "../../src/lab/create.ts";
import type { LabNode } from "../../src/lab/lab.ts";
import { npmShippedDirectory } from "../../src/lab/npm-binaries.ts";
import { assertTimes } from "../../src/lab/patroni/configuration.ts";
import { configurationFileOf } from "../../src/lab/patroni/processes.ts";
import { argumentsOf } from "../../src/lab/processes.ts";
import { readRecord } from "../../src/lab/record.ts";
import { send } from "../../src/lab/signals.ts";
import { withFolder } from "../support/folder.ts";
import { withLab } from "../support/lab.ts";
import { missingFor } from "../support/managers.ts";
import { conformance } from "./conformance.ts";

const times = { ttl: 7, loopWait: 1, retryTimeout: 3 };
const skip = await missingFor("patroni");
const shipped = npmShippedDirectory();
const account = serverAccount();

conformance("patroni", { skip, options: { proxied: true, patroni: times }, systemManager: "patroni" });

describe("a lab with Patroni", { skip }, () => {
  test("has the settings and the times that were given, and starts a Patroni that is gone beside its server", () =>
    withLab(
      { manager: "patroni", standbys: [], durable: true, patroni: times, settings: { work_mem: "7MB" } },
      async (lab) => {
        const [node] = lab.nodes as readonly [LabNode];
        const show = (name: string) =>
          withConnection(node.url, {}, async (connection) => {
            const [row] = await connection.query<Record<string, string>>(`show ${name}`);
            return row?.[name];
          });
        assert.deepEqual([await show("work_mem"), await show("fsync")], ["7MB", "on"]);
        const [member] = Object.values(patroniOf(lab.directory).members);
        // Until Patroni has read in etcd what it wrote there, it answers with an error.
        const answer = await pollUntil(
          async () => {
            const asked = await fetch(`http://127.0.0.1:${member?.rest}/config`);
            return asked.ok ? ((await asked.json()) as Record<string, unknown>) : undefined;
          },
          { everyMs: 50, timeoutMs: 30_000 },
        );
        assert.ok(answer);
        assert.deepEqual(
          [answer.ttl, answer.loop_wait, answer.retry_timeout, answer.synchronous_mode],
          [7, 1, 3, false],
        );

        const patroniPid = async () => {
          const pids = (await lab.status()).nodes[0]?.pids ?? [];
          return pids.find((pid) => argumentsOf(pid).includes(configurationFileOf(recordedNode(lab.directory))));
        };
        const before = await patroniPid();
        assert.ok(before);
        send(before, "SIGKILL");
        await pollUntil(async () => ((await patroniPid()) === undefined ? true : undefined), {
          everyMs: 10,
          timeoutMs: 10_000,
        });
        assert.equal((await lab.status()).nodes[0]?.role, "primary");
        assert.match((await lab.heal("power-off")).done, /Started pg1/);
        assert.notEqual(await patroniPid(), undefined);
      },
    ));

  test("is told what to do in the words of its own command line", () =>
    withLab({ manager: "patroni", standbys: [], patroni: times }, async (lab) => {
      const { done } = await lab.manage("pause\nedit-config --force --quiet --pg work_mem=9MB");
      assert.match(done, /Said to Patroni: pause; edit-config .*work_mem=9MB\.$/);
      const [node] = lab.nodes as readonly [LabNode];
      const [row] = await withConnection(node.url, {}, (connection) =>
        connection.query<{ work_mem: string }>("show work_mem"),
      );
      assert.equal(row?.work_mem, "9MB");
      await assert.rejects(lab.manage('restart "$BLACKSTART_LAB" nobody --force'), {
        code: "HOST_COMMAND_FAILED",
        why: /^Error: /,
      });
      await lab.break("power-off", "pg1");
      await assert.rejects(lab.manage("resume"), { code: "NOT_POSSIBLE_NOW" });
    }));

  test("that is given settings nobody understands is not made, and cleared away", () =>
    withFolder(async (folder) => {
      chmodSync(folder, 0o755);
      const options = {
        home: folder,
        manager: "patroni",
        standbys: [],
        settings: { no_such_setting: "1", work_mem: "much" },
      } as const;
      await assert.rejects(createLab(options), { code: "LAB_FAILED", message: /no_such_setting, work_mem/ });
      assert.deepEqual(readdirSync(folder), []);
    }));

  test("whose server cannot start says why, without waiting for what Patroni will never reach", () =>
    withFolder(async (folder) => {
      chmodSync(folder, 0o755);
      const options = {
        home: folder,
        manager: "patroni",
        standbys: [],
        settings: { shared_preload_libraries: "missing" },
      } as const;
      await assert.rejects(createLab(options), { code: "LAB_FAILED", why: /could not access file "missing"/ });
      assert.deepEqual(readdirSync(folder), []);
    }));

  test("is an ordinary user's as well", { skip: account === undefined && "root is not here" }, () =>
    withFolder(async (folder) => {
      chmodSync(folder, 0o755);
      if (account !== undefined) chownSync(folder, account.uid, account.gid);
      const program = `
        import { createLab } from ${JSON.stringify(new URL("../../src/lab/create.ts", import.meta.url).href)};
        const lab = await createLab({ home: process.argv[1] + "/labs", manager: "patroni", standbys: ["synchronous"] });
        try {
          console.log(JSON.stringify(await lab.status()));
        } finally {
          await lab.down();
        }`;
      const args = ["--disable-warning=ExperimentalWarning", "--input-type=module", "--eval", program, folder];
      const { stdout } = await promisify(execFile)(process.execPath, args, {
        ...(account === undefined ? {} : { uid: account.uid, gid: account.gid }),
        env: { ...process.env, HOME: folder, BLACKSTART_CACHE: `${folder}/cache` },
      });
      const { nodes } = JSON.parse(stdout) as { nodes: readonly { role: string }[] };
      assert.deepEqual(
        nodes.map(({ role }) => role),
        ["primary", "synchronous"],
      );
      assert.deepEqual(readdirSync(`${folder}/labs`), []);
    }),
  );

  test("is refused with a PostgreSQL that lacks what Patroni runs", { skip: shipped === undefined && "none" }, () =>
    assert.rejects(createLab({ manager: "patroni", binaries: shipped as string }), {
      code: "LAB_UNSUPPORTED",
      why: /lacks .*pg_rewind/,
      next: /apt-get install postgresql/,
    }),
  );
});

test("Patroni's times are those it can work with", () => {
  for (const [ttl, loopWait, retryTimeout] of [
    [30, 10, 10],
    [20, 1, 3],
    [7, 1, 3],
  ] as const)
    assertTimes({ ttl, loopWait, retryTimeout });
  for (const [ttl, loopWait, retryTimeout] of [
    [4, 1, 1],
    [6, 1, 3],
    [20, 0, 3],
    [20.5, 1, 3],
    [Number.NaN, 1, 3],
  ] as const)
    assert.throws(() => assertTimes({ ttl, loopWait, retryTimeout }), { code: "USAGE" });
});

function patroniOf(directory: string) {
  const manager = readRecord(directory)?.manager;
  assert.ok(manager?.kind === "patroni");
  return manager;
}

function recordedNode(directory: string) {
  const [node] = readRecord(directory)?.nodes ?? [];
  assert.ok(node);
  return node;
}
