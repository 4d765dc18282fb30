// What the tests need beside npm's packages. Where it is missing, we are root and the machine has apt-get, it is
// installed, once. Elsewhere the tests that need it are skipped, and say so.
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Debian's names. `has`: a program, or a file (as a glob) that the package brings. */
const packages = [
  { name: "postgresql", has: "/usr/lib/postgresql/*/bin/initdb", for: "clusters with pg_basebackup and pg_rewind" },
  { name: "postgresql-common", has: "pg_createcluster", for: "clusters in Debian's layout" },
  { name: "patroni", has: "patroni", for: "labs with Patroni" },
  { name: "etcd-server", has: "etcd", for: "labs with Patroni" },
  { name: "pacemaker", has: "pacemakerd", for: "labs with Pacemaker" },
  { name: "pacemaker-cli-utils", has: "crm_simulate", for: "labs with Pacemaker, and its scheduler on paper" },
  { name: "corosync", has: "corosync", for: "labs with Pacemaker" },
  { name: "resource-agents", has: "/usr/lib/ocf/resource.d/heartbeat/pgsql", for: "labs with Pacemaker" },
  { name: "crmsh", has: "crm", for: "Pacemaker's configuration in crm's language" },
  { name: "iproute2", has: "ip", for: "hosts with a network of their own" },
  { name: "nftables", has: "nft", for: "cutting a network" },
  { name: "e2fsprogs", has: "mkfs.ext4", for: "disks that fail" },
  { name: "redis-server", has: "redis-server", for: "caches" },
  { name: "pgbouncer", has: "pgbouncer", for: "clusters behind PgBouncer" },
  { name: "openssh-server", has: "sshd", for: "hosts over ssh" },
  { name: "openssh-client", has: "ssh", for: "hosts over ssh" },
  { name: "openssl", has: "openssl", for: "clusters that take encrypted connections alone" },
  { name: "curl", has: "curl", for: "requests of a Chaos Toolkit experiment" },
  { name: "faketime", has: "faketime", for: "a host whose clock is wrong" },
];
const lockSeconds = 900;
const stepTimeoutMs = 600_000;
const policyFile = "/usr/sbin/policy-rc.d";
const clusterPolicy = "/etc/postgresql-common/createcluster.d/no-main-cluster.conf";

/** Whether it succeeded. */
type AptGet = (...command: string[]) => boolean;

/** Returns when everything is there that can be. */
export function providePackages(): void {
  if (missing().length === 0 || process.getuid?.() !== 0 || !isOnPath("apt-get")) return;
  // The lock is the kernel's. Who comes second waits, and finds everything there.
  const lock = join(tmpdir(), "blackstart-packages.lock");
  spawnSync("flock", ["-w", String(lockSeconds), lock, process.execPath, fileURLToPath(import.meta.url)], {
    stdio: ["ignore", 2, 2],
  });
}

function installUnderLock(): void {
  const names = missing();
  if (names.length === 0) return;
  process.stderr.write(`Installing with apt-get what the tests need (once): ${names.join(" ")} …\n`);
  // An interrupt ends apt-get, which is waited for; then what was written for it is taken away again.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => undefined);
  const takeBack = keepServicesFromStarting(names);
  try {
    installAll(names, { aptGet, missing });
  } finally {
    takeBack();
  }
  const left = missing();
  if (left.length > 0)
    process.stderr.write(`Not installed (see above): ${left.join(" ")}. The tests that need them are skipped.\n`);
}

/** All at once; with a fresh list of packages where that fails; and where one of them is not to be had, the others. */
export function installAll(
  names: readonly string[],
  { aptGet, missing }: Readonly<{ aptGet: AptGet; missing: () => readonly string[] }>,
): void {
  const install = (...wanted: readonly string[]) => aptGet("install", "--yes", "--no-install-recommends", ...wanted);
  // Its configuration, which says that no cluster is made, is there before the server's package looks into it.
  if (names.includes("postgresql") && !(install("postgresql-common") || aptGet("update"))) return;
  if (install(...names) || (aptGet("update") && install(...names))) return;
  for (const name of missing()) install(name);
}

/** A package that starts a server starts none, and PostgreSQL's makes no cluster of its own. */
function keepServicesFromStarting(names: readonly string[]): () => void {
  const files = [
    { file: policyFile, text: "#!/bin/sh\nexit 101\n" },
    ...(names.includes("postgresql") ? [{ file: clusterPolicy, text: "create_main_cluster = false\n" }] : []),
  ].filter(({ file }) => !existsSync(file));
  for (const { file, text } of files) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: 0o755 });
  }
  return () => {
    for (const { file } of files) rmSync(file, { force: true });
  };
}

/** Whether it succeeded; what it said is shown only where it did not. */
function aptGet(...command: string[]): boolean {
  const patience = ["-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=15", "-o", "DPkg::Lock::Timeout=300"];
  const { status, stdout, stderr } = spawnSync("apt-get", ["-qq", ...patience, "-o", "Dpkg::Use-Pty=0", ...command], {
    timeout: stepTimeoutMs,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1", NEEDRESTART_SUSPEND: "1" },
  });
  if (status !== 0) process.stderr.write(`apt-get ${command.join(" ")} failed:\n${stdout}${stderr}`);
  return status === 0;
}

function missing(): readonly string[] {
  const isThere = ({ has }: { has: string }) => (has.startsWith("/") ? globSync(has).length > 0 : isOnPath(has));
  return packages.filter((one) => !isThere(one)).map(({ name }) => name);
}

function isOnPath(name: string): boolean {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => existsSync(join(folder, name)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) installUnderLock();
