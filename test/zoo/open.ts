import { execFileSync, spawn } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { serverAccount } from "../../src/lab/account.ts";
import { findBinaries } from "../../src/lab/binaries.ts";
import { claimPorts, releasePorts } from "../../src/lab/ports.ts";
import { withFolder } from "../support/folder.ts";
import { everyMajor, type PostgresVersion, postgresVersions } from "../support/postgres-versions.ts";
import { build } from "./build.ts";
import { type Link, openLink } from "./link.ts";
import { nodesOf, type Recipe } from "./recipe.ts";
import { isPostgres, type Place, processesOf, segmentOf, signalAll } from "./server.ts";
import { systemFileText } from "./system-file.ts";
import { handleOf, passwords, type Zoo } from "./zoo.ts";

/**
 * Makes the cluster with PostgreSQL's own tools alone, hands it over while all of it runs, and takes it down again.
 * @param binaries default: those of `versionFor`
 */
export async function withAnimal<T>(
  recipe: Recipe,
  use: (zoo: Zoo) => Promise<T>,
  binaries = versionFor(recipe).binaries,
): Promise<T> {
  return withFolder(async (folder) => {
    chmodSync(folder, 0o755);
    const found = await findBinaries({ directory: binaries });
    const nodes = Object.keys(nodesOf(recipe));
    const ports = await claimPorts(nodes.length, folder);
    const keepers: number[] = [];
    const links = new Map<string, Link>();
    const places = new Map<string, Place>();
    try {
      for (const [at, name] of nodes.entries())
        places.set(
          name,
          makePlace(recipe, { folder, name, port: ports[at] as number, binaries: found.directory, keepers }),
        );
      const zoo = handleOf({
        recipe,
        folder,
        major: found.major,
        nodes,
        places,
        links,
        systemFile: join(folder, "blackstart.yaml"),
        addressFile: join(folder, "primary"),
        variables: { BLACKSTART_PASSWORD: passwords.blackstart },
      });
      await build(zoo);
      if (recipe.distanceMs !== undefined) await moveAway(recipe.distanceMs, zoo, links);
      writeFileSync(zoo.addressFile, `127.0.0.1:${zoo.declaredPort(nodes[0] as string)}\n`);
      writeFileSync(zoo.systemFile, systemFileText(zoo));
      await recipe.arrange?.(zoo);
      return await use(zoo);
    } finally {
      for (const { close } of links.values()) close();
      clear(folder, [...places.values()], keepers);
      releasePorts(ports, folder);
    }
  });
}

/** Debian's 15, which is whole; where it does not know what the recipe has, the next one that does. */
export function versionFor({ since = 13, until = 99 }: Recipe): PostgresVersion {
  const isKnownTo = (major: number) => since <= major && major <= until;
  const [debian] = postgresVersions;
  const other = everyMajor.find(({ major }) => isKnownTo(major));
  return (isKnownTo(15) ? debian : other) as PostgresVersion;
}

async function moveAway(distanceMs: number, zoo: Zoo, links: Map<string, Link>): Promise<void> {
  for (const node of zoo.nodes) links.set(node, await openLink(zoo.place(node).port, distanceMs));
}

function makePlace(
  recipe: Recipe,
  given: Readonly<{ folder: string; name: string; port: number; binaries: string; keepers: number[] }>,
): Place {
  const { folder, name, port, binaries } = given;
  const own = join(folder, name);
  const isDebian = recipe.layout === "debian";
  const account = accountFor(isDebian ? "postgres" : undefined);
  const data = isDebian ? join(own, "15", "main") : join(own, "data");
  for (const path of [own, join(own, "run"), join(own, "log"), ...(isDebian ? [join(own, "15")] : [])]) {
    mkdirSync(path);
    if (account !== undefined) chownSync(path, account.uid, account.gid);
  }
  if (recipe.mounted) mount(data, account);
  const place = {
    name,
    port,
    data,
    configuration: isDebian ? join(own, "etc", "15", "main") : data,
    logFile: join(own, "log", "postgresql.log"),
    binaries,
    account,
    inFrontOf: nodesOf(recipe)[name]?.inFrontOf ?? [],
    environment: {
      ...process.env,
      HOME: own,
      LC_ALL: "C",
      BLACKSTART_ZOO: folder,
      PG_CLUSTER_CONF_ROOT: join(own, "etc"),
    },
  };
  if (!recipe.containers) return { ...place, inside: [], innerData: data };
  const innerPath = join(folder, "var");
  mkdirSync(innerPath, { recursive: true });
  // The namespace lives as long as this process.
  const keeper = spawn("unshare", ["-m", "--propagation", "private", "sleep", "86400"], {
    detached: true,
    stdio: "ignore",
  });
  keeper.unref();
  given.keepers.push(keeper.pid as number);
  const inside = ["nsenter", "-t", String(keeper.pid), "-m", "--"];
  waitForNamespace(keeper.pid as number);
  execFileSync(inside[0] as string, [...inside.slice(1), "mount", "--bind", own, innerPath]);
  return { ...place, inside, innerData: join(innerPath, "data") };
}

function mount(data: string, account: Place["account"]): void {
  mkdirSync(data);
  const owner = account === undefined ? "" : `,uid=${account.uid},gid=${account.gid}`;
  execFileSync("mount", ["-t", "tmpfs", "-o", `mode=0700,size=400m${owner}`, "tmpfs", data]);
}

/** The account is `nobody`, as in a lab, or the one that the package makes. */
function accountFor(name: string | undefined): Place["account"] {
  if (name === undefined || process.getuid?.() !== 0) return serverAccount();
  const [, , uid, gid] =
    readFileSync("/etc/passwd", "utf8")
      .split("\n")
      .find((line) => line.startsWith(`${name}:`))
      ?.split(":") ?? [];
  return { name, uid: Number(uid), gid: Number(gid) };
}

function waitForNamespace(pid: number): void {
  const own = execFileSync("readlink", ["/proc/self/ns/mnt"], { encoding: "utf8" });
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; ) {
    try {
      if (execFileSync("readlink", [`/proc/${pid}/ns/mnt`], { encoding: "utf8" }) !== own) return;
    } catch {
      // Not there yet.
    }
  }
  throw new Error("unshare made no mount namespace");
}

/** Every server of it, also one that was started since, in a container or moved aside; then the containers. */
function clear(folder: string, places: readonly Place[], keepers: readonly number[]): void {
  const segments = places.map(segmentOf).filter((id) => id !== undefined);
  signalAll([...new Set([...places.flatMap(processesOf), ...serversOf(folder)])], "SIGKILL");
  for (const id of segments) {
    try {
      execFileSync("ipcrm", ["-m", id], { stdio: "ignore" });
    } catch {
      // Gone with its server, as it should.
    }
  }
  signalAll(keepers, "SIGKILL");
  for (const line of readFileSync("/proc/self/mounts", "utf8").split("\n")) {
    const at = line.split(" ")[1] ?? "";
    if (at.startsWith(`${folder}/`)) execFileSync("umount", ["--lazy", at]);
  }
}

function serversOf(folder: string): readonly number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && isBelow(pid, folder));
}

/** Whatever was started for it keeps that environment; a server's children stand in its data directory. */
function isBelow(pid: number, folder: string): boolean {
  try {
    if (readFileSync(`/proc/${pid}/environ`, "latin1").split("\0").includes(`BLACKSTART_ZOO=${folder}`)) return true;
    return isPostgres(pid) && readlinkSync(`/proc/${pid}/cwd`).startsWith(`${folder}/`);
  } catch {
    return false; // It has ended.
  }
}
