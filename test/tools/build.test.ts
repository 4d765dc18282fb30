import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, glob, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { withFolder } from "../support/folder.ts";

const root = join(import.meta.dirname, "..", "..");
const run = promisify(execFile);

test("what is published runs below node_modules, where no type is stripped", () =>
  withFolder(async (folder) => {
    const home = join(folder, "node_modules", "blackstart");
    await mkdir(home, { recursive: true });
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    // Types are checked by `npm run check`; here it is about what runs.
    const build = ["-p", join(root, "tsconfig.build.json"), "--outDir", join(home, "dist"), "--noCheck"];
    await run(process.execPath, [tsc, ...build]).catch((error) => assert.fail(error.stdout));
    for (const name of ["bin", "package.json"]) await cp(join(root, name), join(home, name), { recursive: true });
    await symlink(join(root, "node_modules"), join(home, "node_modules"));

    for await (const file of glob("dist/**/*.js", { cwd: home }))
      assert.doesNotMatch(await readFile(join(home, file), "utf8"), /(?:from|import\()\s*"\.[^"]*\.ts"/, file);
    const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
    const program = [join(home, "bin", "blackstart.mjs")];
    const environment = { ...process.env, BLACKSTART_HOME: join(folder, "home") };
    const told = await run(process.execPath, [...program, "--version"], { env: environment, cwd: folder });
    assert.equal(told.stdout.trim(), version);
    await writeFile(join(folder, "blackstart.yaml"), "system: payments\n");
    // Opens the timeline, and with it the worker that writes it.
    await run(process.execPath, [...program, "incident", "open", "--json", "a test"], {
      env: environment,
      cwd: folder,
    });
  }));
