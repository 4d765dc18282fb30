import { dirname } from "node:path";
import { BlackstartError } from "../../base/error.ts";
import type { PatroniTimes } from "../lab.ts";
import type { LabRecord, NodeRecord, PatroniRecord } from "../record.ts";
import { serverSettings } from "../settings.ts";

/** With these it fails over some 20 s after a machine is lost; its own defaults are 30, 10 and 10. */
export const defaultTimes: PatroniTimes = { ttl: 20, loopWait: 1, retryTimeout: 3 };

const leastRetryTimeout = 3;

/** Patroni documents the rule and does not enforce it: it accepts 4/1/1, and then finds no leader after a switchover. */
export function assertTimes({ ttl, loopWait, retryTimeout }: PatroniTimes): void {
  const whole = [ttl, loopWait, retryTimeout].every((seconds) => Number.isInteger(seconds) && seconds >= 1);
  if (whole && retryTimeout >= leastRetryTimeout && ttl >= loopWait + 2 * retryTimeout) return;
  throw new BlackstartError("USAGE", {
    what: `Patroni cannot work with ttl ${ttl}, loop_wait ${loopWait} and retry_timeout ${retryTimeout}.`,
    why: `They are whole seconds, retry_timeout is at least ${leastRetryTimeout}, and ttl at least loop_wait + 2 × retry_timeout.`,
    next: "Short and sound: 20, 1 and 3; Patroni's own defaults: 30, 10 and 10.",
  });
}

/** The configuration of one member. Pure. What all members have in common is what the first writes into etcd. */
export function memberConfiguration(
  lab: LabRecord,
  node: NodeRecord,
  patroni: PatroniRecord,
  extra: Readonly<Record<string, string>>,
): object {
  const { rest, restServer, etcd } = patroni.members[node.name] as PatroniRecord["members"][string];
  const synchronous = lab.nodes.filter(({ role }) => role === "synchronous").length;
  return {
    scope: lab.name,
    name: node.name,
    restapi: { listen: `127.0.0.1:${restServer}`, connect_address: `127.0.0.1:${rest}` },
    // Otherwise it asks etcd for etcd's addresses, and goes past a proxy that is to be cut.
    etcd3: { host: `127.0.0.1:${etcd}`, use_proxies: true },
    log: { dir: dirname(node.dataDirectory) },
    bootstrap: {
      dcs: {
        ttl: patroni.times.ttl,
        loop_wait: patroni.times.loopWait,
        retry_timeout: patroni.times.retryTimeout,
        synchronous_mode: synchronous > 0,
        ...(synchronous > 0 ? { synchronous_node_count: synchronous } : {}),
        postgresql: { use_pg_rewind: true, parameters: parametersOf(lab, node, extra) },
      },
    },
    postgresql: {
      listen: `127.0.0.1:${node.serverPort}`,
      connect_address: `127.0.0.1:${node.port}`,
      data_dir: node.dataDirectory,
      bin_dir: lab.binaries,
      pgpass: `${node.dataDirectory}.pgpass`,
      authentication: { superuser: { username: "blackstart" }, replication: { username: "replicator" } },
    },
  };
}

/** Patroni sets these itself, and passes them on the command line. */
const patronisOwn: ReadonlySet<string> = new Set(["listen_addresses", "port", "cluster_name"]);

function parametersOf(lab: LabRecord, node: NodeRecord, extra: Readonly<Record<string, string>>) {
  const settings = serverSettings({
    major: Number.parseInt(lab.version, 10),
    name: node.name,
    port: node.serverPort,
    durable: lab.durable,
    synchronousStandbyNames: "",
    primaryConninfo: undefined,
    extra,
  });
  return Object.fromEntries(Object.entries(settings).filter(([name]) => !patronisOwn.has(name)));
}
