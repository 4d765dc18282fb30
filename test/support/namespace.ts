import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pollUntil } from "../../src/base/time.ts";
import { localHost } from "../../src/drivers/host/local.ts";
import { openInstance } from "../../src/drivers/postgres/instance/open-instance.ts";

/** Why no process can be put into namespaces here; false when it can. */
export const noNamespaces: string | false =
  spawnSync("unshare", ["-m", "-p", "-i", "-f", "--mount-proc", "true"]).status === 0
    ? false
    : "unshare needs root, and a kernel that allows namespaces";

/** `path`: by what path the server sees its directory. `flags`: of unshare(1), which say what it has for itself. */
export type Contained = Readonly<{
  dataDirectory: string;
  path: string;
  binaries: string;
  flags: readonly string[];
  /** Options of a mount of an overlay, in place of a bind mount. */
  overlay?: string;
}>;

/** Runs a stopped server as a container would, and ends what is left of it. */
export async function inNamespace<T>(
  { dataDirectory, path, binaries, flags, overlay }: Contained,
  use: () => Promise<T>,
): Promise<T> {
  mkdirSync(path, { recursive: true });
  const mount = overlay === undefined ? 'mount --bind "$1" "$2"' : `mount -t overlay -o '${overlay}' overlay "$2"`;
  const script = `${mount} && exec setpriv --reuid 65534 --regid 65534 --clear-groups "$3/postgres" -D "$2"`;
  const child = spawn("unshare", [...flags, "sh", "-c", script, "sh", dataDirectory, path, binaries], {
    stdio: "ignore",
  });
  const place = { configFile: undefined, binaries, start: undefined, stop: undefined };
  try {
    const isReady = async () => {
      assert.equal(child.exitCode, null, "it did not start");
      return statusOf(dataDirectory).startsWith("ready") ? true : undefined;
    };
    assert.ok(await pollUntil(isReady, { everyMs: 10, timeoutMs: 60_000 }), "it accepts no connections after 60 s");
    return await use();
  } finally {
    await end(child);
    const contained = openInstance({ host: localHost(), node: "contained", dataDirectory, ...place });
    // Its children end after it; until then it may be in doubt whether they have.
    const isGone = () =>
      contained.kill().then(
        () => true,
        () => undefined,
      );
    assert.ok(await pollUntil(isGone, { everyMs: 10, timeoutMs: 60_000 }), "it does not end");
  }
}

/** Line 8 of postmaster.pid (pidfile.h). */
function statusOf(dataDirectory: string): string {
  try {
    return readFileSync(join(dataDirectory, "postmaster.pid"), "utf8").split("\n")[7] ?? "";
  } catch {
    return ""; // Not there yet.
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}
