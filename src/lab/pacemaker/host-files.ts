import { BlackstartError } from "../../base/error.ts";
import type { Account } from "../account.ts";
import { type ClusterShape, hostFolder, type ShapeNode } from "./configuration.ts";

/*
 * The texts that make a group of processes a host: pure.
 */

/** Braces end their lines: corosync's parser asks for it. UDP unicast, one link, no key: the network is ours alone. */
export function corosyncText(lab: string, nodes: readonly ShapeNode[], logFile: string): string {
  const members = nodes.flatMap(({ name, id, addresses }) => [
    "    node {",
    `        name: ${name}`,
    `        nodeid: ${id}`,
    `        ring0_addr: ${withoutPrefix(addresses[0] as string)}`,
    "    }",
  ]);
  return [
    "totem {",
    "    version: 2",
    `    cluster_name: ${lab}`,
    "    transport: udpu",
    "    token: 1000",
    "}",
    "nodelist {",
    ...members,
    "}",
    "quorum {",
    "    provider: corosync_votequorum",
    ...(nodes.length === 2 ? ["    two_node: 1", "    wait_for_all: 0"] : []),
    "}",
    "logging {",
    "    to_stderr: no",
    "    to_syslog: no",
    "    to_logfile: yes",
    `    logfile: ${logFile}`,
    "    timestamp: hires",
    "}",
    "",
  ].join("\n");
}

export function hostsText({ nodes }: Pick<ClusterShape, "nodes">): string {
  return [
    "127.0.0.1 localhost",
    ...nodes.map(({ name, addresses }) => `${withoutPrefix(addresses[0] as string)} ${name}`),
    "",
  ].join("\n");
}

/**
 * The agent runs everything as `pgdba`, through a shell. So that this account has the name that the configuration gives,
 * and yet owns the same files as the servers of every other lab, it is a second name of the one that runs those.
 */
export function passwdText(passwd: string, name: string, account: Account): string {
  const others = passwd.split("\n").filter((line) => !line.startsWith(`${name}:`) && line !== "");
  return [...others, `${name}:*:${account.uid}:${account.gid}:a lab's PostgreSQL:/:/bin/sh`, ""].join("\n");
}

/**
 * Debian 12's resource agents call `crm_attribute --promotion` without the resource's name and with the value next to
 * it, which its Pacemaker takes for the name: the agent then starts in circles (exit code 105). Where the call is so, the
 * copy names the resource; where it is not, the copy is the same.
 */
export function repairedShellFunctions(text: string): string {
  const call = /(\$\{HA_SBIN_DIR\}\/crm_attribute -p) (?=\$@)/;
  return text.replace(call, '$1 "${OCF_RESOURCE_INSTANCE%%:*}" ');
}

export type HostPlaces = Readonly<{ folder: string; name: string; shellFunctions: string }>;

/**
 * The first process of a host. It does nothing until it is told to, twice, so that no host can be that was
 * not noted: when its maker is gone, its input ends, and it with it. Then it stays, and reaps.
 */
export function initScript({ folder, name, shellFunctions }: HostPlaces): string {
  const bind = (from: string, to: string) => `mount --bind ${quoted(`${folder}/${from}`)} ${quoted(to)}`;
  return `#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
read -r word && [ "$word" = boot ] || exit 1
set -e
echo ${quoted(name)} > /proc/sys/kernel/hostname
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mkdir -m 1755 /run/resource-agents
mkdir /run/lock
ln -s ${quoted(folder)} ${hostFolder}
${bind("etc/corosync", "/etc/corosync")}
${bind("etc/hosts", "/etc/hosts")}
${bind("etc/passwd", "/etc/passwd")}
${bind("etc/ocf-shellfuncs", shellFunctions)}
${bind("corosync", "/var/lib/corosync")}
${bind("pacemaker", "/var/lib/pacemaker")}
set +e
corosync -f &
echo booted > ${quoted(`${folder}/booted`)}
read -r word && [ "$word" = manage ] || exit 1
exec < /dev/null
tries=0
until corosync-cfgtool -s > /dev/null 2>&1 || [ $tries -ge 200 ]; do tries=$((tries + 1)); sleep 0.05; done
export PCMK_logfile=${quoted(`${folder}/log/pacemaker.log`)} PCMK_logfacility=none
pacemakerd -f &
while :; do wait; sleep 1; done
`;
}

export function withoutPrefix(address: string): string {
  return address.replace(/\/\d+$/, "");
}

/** For sh: nothing in single quotes means anything but itself. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The links and addresses of one host, for `ip -batch` in its network. */
export function hostLinks({ addresses }: ShapeNode, more: readonly string[]): string {
  return [
    "link set lo up",
    "link set eth0 up",
    ...[...addresses, ...more].map((address) => `addr add ${address} dev eth0`),
    "",
  ].join("\n");
}

/** Unix sockets have short names: 108 bytes with the zero at the end (unix(7)). */
export function assertSocketPath(path: string): void {
  if (Buffer.byteLength(path) < 108) return;
  throw new BlackstartError("LAB_FAILED", {
    what: "The lab's directory has too long a name.",
    why: `The socket ${path} would be in it, and the name of a socket has at most 107 bytes.`,
    next: "Set BLACKSTART_HOME to a folder with a shorter name.",
  });
}
