import { join } from "node:path";
import { replicationConninfo } from "./conninfo.ts";
import { nodesOf } from "./recipe.ts";
import type { Zoo } from "./zoo.ts";

/** As the owner of such a cluster would have written it after reading docs/system-file.md. */
export function systemFileText(zoo: Zoo): string {
  const { recipe } = zoo;
  const promised = recipe.promised ?? ((recipe.synchronous ?? "FIRST") === "" ? 0 : 1);
  const nodes = Object.keys(nodesOf(recipe)).flatMap((node) => [
    `      ${node}:`,
    `        url: ${JSON.stringify(urlOf(zoo, node))}`,
    '        host: "local:"',
    `        data: ${JSON.stringify(zoo.place(node).data)}`,
    `        binaries: ${JSON.stringify(zoo.place(node).binaries)}`,
    ...(recipe.passwords || recipe.distanceMs !== undefined
      ? [`        replication: ${JSON.stringify(replicationConninfo(zoo, node))}`]
      : []),
    ...commandsOf(zoo, node).map((line) => `        ${line}`),
    ...(recipe.nodeLines?.(zoo, node) ?? []).map((line) => `        ${line}`),
  ]);
  return [
    `system: ${recipe.name}`,
    "clusters:",
    "  ledger:",
    `    synchronous: ${promised}`,
    `    clients: { file: ${JSON.stringify(zoo.addressFile)} }`,
    "    nodes:",
    ...nodes,
    "",
  ].join("\n");
}

function urlOf({ recipe, declaredPort }: Zoo, node: string): string {
  const port = declaredPort(node);
  const login = recipe.passwords ? "blackstart:${BLACKSTART_PASSWORD}" : "blackstart";
  return `postgres://${login}@127.0.0.1:${port}/postgres${recipe.tls ? "?sslmode=require" : ""}`;
}

function commandsOf({ recipe, folder }: Zoo, node: string): readonly string[] {
  if (recipe.layout !== "debian") return [];
  // On a machine of its own: systemctl start postgresql@15-main.
  const control = (word: string) => `PG_CLUSTER_CONF_ROOT=${join(folder, node, "etc")} pg_ctlcluster 15 main ${word}`;
  return [`start: ${JSON.stringify(control("start"))}`, `stop: ${JSON.stringify(control("stop -m fast"))}`];
}
