import { join } from "node:path";
import { nodesOf } from "./recipe.ts";
import { own } from "./build.ts";
import { passwords, type Zoo } from "./zoo.ts";

/** With which a standby streams. */
export function conninfoOf(zoo: Zoo, standby: string): string {
  const node = nodesOf(zoo.recipe)[standby];
  const upstream = node?.follows ?? (zoo.nodes[0] as string);
  return [replicationConninfo(zoo, upstream, standby), node?.conninfo ?? `application_name=${standby}`]
    .filter((part) => part !== "")
    .join(" ");
}

/** How anybody replicates from this node; a passfile is the one on the machine of who does. */
export function replicationConninfo(zoo: Zoo, upstream: string, by = upstream): string {
  return [
    `host=127.0.0.1 port=${zoo.place(upstream).port} user=replicator`,
    ...(zoo.recipe.tls ? ["sslmode=require"] : []),
    ...(zoo.recipe.passwords ? [`passfile=${passfileOf(zoo, by)}`] : []),
  ].join(" ");
}

function passfileOf(zoo: Zoo, node: string): string {
  const file = join(zoo.folder, node, "passfile");
  const entries = Object.entries(passwords).map(([role, password]) => `127.0.0.1:*:*:${role}:${password}\n`);
  own(zoo.place(node), file, entries.join(""));
  return file;
}
