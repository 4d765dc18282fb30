import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { withFolder } from "../support/folder.ts";

const root = join(import.meta.dirname, "..", "..");

/** Below node_modules no type is stripped: what is published must be plain JavaScript, and whole. */
test("the packed package runs where it is installed", () =>
  withFolder(async (folder) => {
    const staged = join(folder, "staged");
    mkdirSync(staged);
    for (const name of ["package.json", "bin", "docs", "schema"]) {
      cpSync(join(root, name), join(staged, name), { recursive: true });
    }
    const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
    done(root, process.execPath, tsc, "-p", "tsconfig.build.json", "--outDir", join(staged, "dist"));
    const [archive] = JSON.parse(done(staged, "npm", "pack", "--json", "--ignore-scripts", "--offline"));

    const modules = join(folder, "app", "node_modules");
    mkdirSync(join(modules, "blackstart"), { recursive: true });
    done(
      folder,
      "tar",
      "-xzf",
      join(staged, archive.filename),
      "-C",
      join(modules, "blackstart"),
      "--strip-components=1",
    );
    for (const name of readdirSync(join(root, "node_modules"))) {
      if (!name.startsWith(".")) symlinkSync(join(root, "node_modules", name), join(modules, name));
    }
    const program = join(modules, "blackstart", "bin", "blackstart.mjs");
    const run = (...args: string[]) => done(join(folder, "app"), process.execPath, program, ...args);
    assert.match(run("--help"), /^Usage: blackstart/);
    const home = join(folder, "home");
    writeFileSync(join(folder, "app", "blackstart.yaml"), "system: payments\n");
    const opened = JSON.parse(run("--home", home, "incident", "open", "it is down", "--json"));
    assert.equal(opened.incident.title, "it is down");
    assert.match(run("--home", home, "incident", "show", "latest"), /it is down/);
    assert.match(run("lab", "break"), /kill-primary/);
  }));

function done(cwd: string, program: string, ...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: "utf8" });
  assert.equal(status, 0, `${program} ${args.join(" ")}: ${error?.message ?? ""}${stdout}${stderr}`);
  return stdout;
}
