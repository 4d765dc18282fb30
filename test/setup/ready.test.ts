import assert from "node:assert/strict";
import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { pollUntil } from "../../src/base/time.ts";
import { withFolder } from "../support/folder.ts";
import { install, makeCheckout } from "./checkout.ts";

const lines = async (file: string) => (await readFile(file, "utf8").catch(() => "")).split("\n").filter(Boolean);
const fileThere = (file: string) =>
  pollUntil(() => readFile(file, "utf8").catch(() => undefined), { everyMs: 10, timeoutMs: 60_000 });

/** A file is there before its contents: 0 would be the whole process group of the tests. */
async function pidIn(file: string): Promise<number> {
  const read = async () => Number(await readFile(file, "utf8").catch(() => "")) || undefined;
  const pid = await pollUntil(read, { everyMs: 10, timeoutMs: 60_000 });
  assert.ok(pid !== undefined && pid > 1, `no process is named in ${file}`);
  return pid;
}

test("installs once, then runs the file with its arguments and its exit code", () =>
  withFolder(async (folder) => {
    const { root, run, npmLog } = await makeCheckout(folder);
    await writeFile(join(root, "file.mjs"), "console.log(process.argv.slice(2).join('|')); process.exit(7);");
    const first = await run("file.mjs", "a b", "--c").ended;
    assert.deepEqual([first.code, first.stdout], [7, "a b|--c\n"]);
    assert.match(first.stderr, /Installing the dependencies/);
    const second = await run("file.mjs").ended;
    assert.deepEqual([second.code, second.stderr], [7, ""]);
    assert.equal((await lines(npmLog)).length, 1);
  }));

test("two at once install once, and both go on", () =>
  withFolder(async (folder) => {
    const { root, run, npmLog } = await makeCheckout(folder);
    await writeFile(join(root, "file.mjs"), "console.log('ran');");
    const ended = await Promise.all([run("file.mjs").ended, run("file.mjs").ended]);
    assert.deepEqual(
      ended.map(({ code, stdout }) => [code, stdout]),
      [
        [0, "ran\n"],
        [0, "ran\n"],
      ],
    );
    assert.equal((await lines(npmLog)).length, 1);
  }));

test("an installation that was killed half-way is made again", () =>
  withFolder(async (folder) => {
    const { root, run, environment } = await makeCheckout(folder);
    await writeFile(join(root, "file.mjs"), "console.log('ran');");
    environment.NPM_HANGS = join(folder, "hangs");
    const interrupted = run("file.mjs");
    process.kill(await pidIn(environment.NPM_HANGS), "SIGKILL");
    assert.notEqual((await interrupted.ended).code, 0);
    const again = await run("file.mjs").ended;
    assert.deepEqual([again.code, again.stdout], [0, "ran\n"]);
  }));

test("a package that is gone, or of another version, is seen", () =>
  withFolder(async (folder) => {
    const { root, run, npmLog } = await makeCheckout(folder);
    await writeFile(join(root, "file.mjs"), "");
    await install(root);
    assert.equal((await run("file.mjs").ended).stderr, "");
    await rm(join(root, "node_modules", "wanted"), { recursive: true });
    assert.match((await run("file.mjs").ended).stderr, /Installing/);
    const record = join(root, "node_modules", ".package-lock.json");
    await writeFile(record, (await readFile(record, "utf8")).replace("sha512-x", "sha512-y"));
    assert.match((await run("file.mjs").ended).stderr, /Installing/);
    assert.equal((await lines(npmLog)).length, 2);
  }));

test("signals are passed on, and the exit code comes back", () =>
  withFolder(async (folder) => {
    const { root, run } = await makeCheckout(folder);
    await install(root);
    const marker = join(folder, "up");
    await writeFile(
      join(root, "file.mjs"),
      `process.on("SIGTERM", () => process.exit(9)); setInterval(() => {}, 1000);
       (await import("node:fs")).writeFileSync(${JSON.stringify(marker)}, "");`,
    );
    const asked = run("file.mjs");
    await fileThere(marker);
    asked.kill("SIGTERM");
    assert.equal((await asked.ended).code, 9);

    await rm(marker);
    const interrupted = run("file.mjs");
    await fileThere(marker);
    interrupted.kill("SIGINT");
    assert.equal((await interrupted.ended).code, 130);
  }));

test(
  "what it cannot write, it takes as it is when complete, and says so when not",
  {
    skip: process.execPath.startsWith("/root/") && "nobody cannot run a Node that lies in root's home",
  },
  () =>
    withFolder(async (folder) => {
      const { root, runAsNobody, npmLog } = await makeCheckout(folder);
      await chmod(folder, 0o755);
      await writeFile(join(root, "file.mjs"), "console.log('ran');");
      await chmod(root, 0o555);
      try {
        const refused = await runAsNobody("file.mjs").ended;
        assert.equal(refused.code, 1);
        assert.match(refused.stderr, /not yours to write[\s\S]*next:/);
        await chmod(root, 0o755);
        await install(root);
        await chmod(root, 0o555);
        assert.equal((await runAsNobody("file.mjs").ended).stdout, "ran\n");
        assert.deepEqual(await lines(npmLog), []);
      } finally {
        await chmod(root, 0o755);
      }
    }),
);
