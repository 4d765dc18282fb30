import { chmod, copyFile, cp, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { spawn } from "node:child_process";

const repository = join(import.meta.dirname, "..", "..");
const pinnedName = `node-${process.platform}-${process.arch}`;
const dependency = { version: "1.0.0", integrity: "sha512-x" };

/** A checkout with the real set-up tools, one made-up dependency, and an npm that only notes that it was called. */
export type Checkout = Readonly<{
  root: string;
  npmLog: string;
  run(...args: string[]): Run;
  /** As somebody who may not write there. */
  runAsNobody(...args: string[]): Run;
  environment: NodeJS.ProcessEnv;
}>;

export type Run = Readonly<{
  kill(signal: NodeJS.Signals): void;
  pid: number;
  ended: Promise<{ code: number | null; stdout: string; stderr: string }>;
}>;

export async function makeCheckout(folder: string): Promise<Checkout> {
  const root = join(folder, "a check out");
  const npmLog = join(folder, "npm.log");
  await mkdir(join(root, "tools"), { recursive: true });
  await copyFile(join(repository, "tools", "ready.mjs"), join(root, "tools", "ready.mjs"));
  await cp(join(repository, "tools", "setup"), join(root, "tools", "setup"), { recursive: true });
  await writeFile(join(root, "package.json"), `{ "name": "checkout", "version": "1.0.0" }`);
  await writeFile(
    join(root, "package-lock.json"),
    JSON.stringify({
      packages: {
        "": { optionalDependencies: { [pinnedName]: "24.0.0" } },
        "node_modules/wanted": dependency,
        [`node_modules/${pinnedName}`]: { ...dependency, optional: true },
        "node_modules/node-plan9-mips": { ...dependency, optional: true, os: ["plan9"], cpu: ["mips"] },
      },
    }),
  );
  const npm = join(folder, "bin", "npm");
  await mkdir(join(folder, "bin"));
  await writeFile(`${npm}.cjs`, npmThatInstalls);
  // Not as the interpreter in its first line: that may not hold a space.
  await writeFile(npm, `#!/bin/sh\nexec '${process.execPath.replaceAll("'", "'\\''")}' "$0.cjs" "$@"\n`);
  await chmod(npm, 0o755);
  const environment = { ...process.env, PATH: `${join(folder, "bin")}:${process.env.PATH}`, NPM_LOG: npmLog };
  return {
    root,
    npmLog,
    environment,
    run: (...args) => runReady(root, environment, args),
    runAsNobody: (...args) => runReady(root, environment, args, process.getuid?.() === 0 ? 65534 : undefined),
  };
}

/** What npm leaves behind when it is through: the packages, and its record of them. */
export async function install(root: string): Promise<void> {
  const modules = join(root, "node_modules");
  await mkdir(join(modules, "wanted"), { recursive: true });
  await mkdir(join(modules, pinnedName, "bin"), { recursive: true });
  await symlink(process.execPath, join(modules, pinnedName, "bin", "node"));
  const packages = { "node_modules/wanted": dependency, [`node_modules/${pinnedName}`]: dependency };
  await writeFile(join(modules, ".package-lock.json"), JSON.stringify({ packages }));
}

const npmThatInstalls = `
const { appendFileSync, mkdirSync, writeFileSync, symlinkSync, rmSync, existsSync } = require("node:fs");
appendFileSync(process.env.NPM_LOG, process.argv.slice(2).join(" ") + "\\n");
rmSync("node_modules", { recursive: true, force: true });
mkdirSync("node_modules/wanted", { recursive: true });
if (process.env.NPM_HANGS && !existsSync(process.env.NPM_HANGS)) {
  writeFileSync(process.env.NPM_HANGS, String(process.pid));
  setInterval(() => {}, 1000);
} else {
  mkdirSync("node_modules/${pinnedName}/bin", { recursive: true });
  symlinkSync(${JSON.stringify(process.execPath)}, "node_modules/${pinnedName}/bin/node");
  const packages = { "node_modules/wanted": ${JSON.stringify(dependency)}, "node_modules/${pinnedName}": ${JSON.stringify(dependency)} };
  setTimeout(() => writeFileSync("node_modules/.package-lock.json", JSON.stringify({ packages })), 300);
}
`;

function runReady(root: string, environment: NodeJS.ProcessEnv, args: readonly string[], uid?: number): Run {
  const child = spawn(process.execPath, [join(root, "tools", "ready.mjs"), ...args], {
    cwd: root,
    env: environment,
    ...(uid === undefined ? {} : { uid }),
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data) => {
    stdout += data;
  });
  child.stderr.on("data", (data) => {
    stderr += data;
  });
  return {
    pid: child.pid ?? 0,
    kill: (signal) => void child.kill(signal),
    ended: new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr }))),
  };
}
