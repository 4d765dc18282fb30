import type { LeftMemory } from "../../drivers/postgres/instance.ts";
import type { Refusal, Step } from "../../plan/plan.ts";
import type { System } from "../../system/schema.ts";
import { type LeftBehind, type Slot, slotIsWanted } from "../left-behind.ts";
import { declaredCluster, type PlanDraft, refuse, refuseManaged } from "../planning.ts";

/**
 * Removes what is left behind: slots that nobody comes for, memory that is surely a killed server's, and what a person has
 * named: a copy may be the only record of lost writes, and a file in /dev/shm another server's.
 * @param node only what lies on this one; undefined: on every node
 */
export function planCleanUp(
  system: System,
  cluster: string,
  nodes: readonly LeftBehind[],
  { node: only, copies: named, slots: namedSlots = [] }: Named,
): PlanDraft | Refusal {
  const managed = refuseManaged(declaredCluster(system, cluster), cluster);
  if (managed) return managed;
  const here = nodes.filter(({ node }) => only === undefined || node === only);
  const slots = here.flatMap((on) => slotsOn(nodes, on, namedSlots));
  const held = refuseSlots(cluster, slots, namedSlots);
  if (held !== undefined) return held;
  const copies = here.flatMap(({ node, copies: found = [] }) => found.map((copy) => ({ node, ...copy })));
  const memory = here.flatMap(({ node, memory: found = [] }) => found.map((one) => ({ node, ...one })));
  const files = memory.filter(({ kind }) => kind === "file");
  const unknown = named.find(
    (path) => !copies.some((copy) => copy.path === path) && !files.some(({ name }) => name === path),
  );
  if (unknown !== undefined)
    return refuse(
      "listed",
      `${unknown} is no copy that Blackstart has kept beside a data directory of ${cluster}.`,
      copies.length === 0
        ? "There is none."
        : `There is ${copies.slice(0, shown).map(copyText).join(", ")}${more(copies)}.`,
    );
  const freed = memory.filter(({ kind, name }) => kind === "segment" || named.includes(name));
  const chosen = copies.filter(({ path }) => named.includes(path));
  const dropped = slots.filter(({ wanted }) => wanted === undefined);
  const keptCopies = copies.filter(({ path }) => !named.includes(path));
  const keptFiles = files.flatMap(({ name, ...file }) => (named.includes(name) ? [] : [{ ...file, path: name }]));
  const keeps = keptCopies.length + keptFiles.length === 0 ? {} : { staying: [...keptCopies, ...keptFiles].map(plain) };
  const staying = [
    ...slots.flatMap(stayingSlot),
    ...stayText(keptCopies, "copies", ""),
    ...stayText(keptFiles, "files", " No process maps them; they may belong to another server of that account."),
  ];
  const steps = [
    ...dropped.map((one) => dropStep(cluster, one)),
    ...chosen.map(({ node, path, bytes }, index) => removeStep(cluster, node, path, bytes, index)),
    ...freed.map((one) => freeStep(cluster, one)),
  ];
  if (steps.length === 0)
    return {
      ...refuse(
        "already",
        `Nothing is left behind on ${only ?? cluster} that ${staying.length === 0 ? "could be removed" : "is removed without being named"}.`,
        staying.length === 0 ? "There is nothing to do." : staying.join("\n"),
      ),
      ...keeps,
    };
  return {
    kind: "clean-up",
    ...keeps,
    subject: only === undefined ? { kind: "cluster", name: cluster } : { kind: "node", name: `${cluster}/${only}` },
    because: steps.map(({ title, parameters }) =>
      title
        .replace(/^Drop/, parameters.named === true ? "You have named" : "Nobody comes for")
        .replace(/^Remove/, "You have named")
        .replace(/^Free/, "Nobody uses"),
    ),
    risk: {
      lossBytes: 0,
      lossSeconds: 0,
      downtimeSeconds: 0,
      statements: [
        ...(dropped.length === 0
          ? []
          : [
              "Who reads such a slot after all has to be made anew, and an archive has a hole; no node of the cluster does.",
            ]),
        ...(chosen.length === 0
          ? []
          : ["A kept copy may be the only record of writes that were lost: look into it first."]),
        ...staying,
      ],
    },
    steps,
  };
}

/** @property slots the names of slots that no node names, and that a person has named */
type Named = Readonly<{ node?: string; copies: readonly string[]; slots?: readonly string[] }>;

/** `alone`: what keeps it is only that nobody has named it. */
type Found = Readonly<{ on: LeftBehind; slot: Slot; wanted: string | undefined; named: boolean; alone: boolean }>;

function slotsOn(nodes: readonly LeftBehind[], on: LeftBehind, names: readonly string[]): readonly Found[] {
  return (on.server?.slots ?? []).map((slot) => {
    const [unnamed, named] = [slotIsWanted(nodes, on, slot), slotIsWanted(nodes, on, slot, true)];
    const isNamed = names.includes(slot.name);
    const alone = unnamed !== undefined && named === undefined;
    return { on, slot, wanted: isNamed ? named : unnamed, named: isNamed && alone, alone };
  });
}

function refuseSlots(cluster: string, slots: readonly Found[], names: readonly string[]): Refusal | undefined {
  const unknown = names.find((name) => !slots.some(({ slot }) => slot.name === name));
  if (unknown !== undefined)
    return refuse(
      "listed",
      `No slot ${unknown} is seen on ${cluster}.`,
      "See `select * from pg_replication_slots` on each node.",
    );
  const held = slots.find(({ slot, wanted }) => names.includes(slot.name) && wanted !== undefined);
  if (held === undefined) return undefined;
  return refuse("wanted", `The slot ${held.slot.name} on ${held.on.node} stays: ${held.wanted}.`, "See who reads it.");
}

function stayingSlot({ on, slot, wanted, alone }: Found): readonly string[] {
  if (wanted === undefined || slot.active) return [];
  const toDrop = alone ? ` To drop it: --slot ${slot.name}.` : "";
  return [`Stays: the slot ${slot.name} on ${on.node}; ${wanted}.${toDrop}`];
}

function dropStep(cluster: string, { on: { node }, slot, named }: Found): Step {
  return {
    id: `drop-${node}-${slot.name}`,
    kind: "postgres.drop-slot",
    title: `Drop the slot ${slot.name} on ${node}, which holds ${sizeText(slot.retainedBytes)} of WAL`,
    parameters: { cluster, node, slot: slot.name, ...(named ? { named } : {}) },
    destructive: true,
    onFailure: "continue",
  };
}

function removeStep(cluster: string, node: string, path: string, bytes: number, index: number): Step {
  return {
    id: `remove-${index + 1}`,
    kind: "host.remove-copy",
    title: `Remove ${path} on the host of ${node}, ${sizeText(bytes)}`,
    parameters: { cluster, node, path, timeoutMs: 60 * 60_000 },
    destructive: true,
    onFailure: "continue",
  };
}

function freeStep(cluster: string, { node, kind, name, bytes }: { node: string } & LeftMemory): Step {
  return {
    id: `free-${node}-${name.replace(/^.*[/.]/, "")}`,
    kind: "host.free-memory",
    title: `Free the shared memory ${name} on the host of ${node}, ${sizeText(bytes)} that a killed server has left`,
    parameters: { cluster, node, memory: kind, name, bytes },
    destructive: true,
    onFailure: "continue",
  };
}

/** So many are shown by name; a host may hold hundreds. */
const shown = 3;

type Kept = Readonly<{ node: string; path: string; bytes: number }>;

function stayText(kept: readonly Kept[], what: string, why: string): readonly string[] {
  if (kept.length === 0) return [];
  const largest = kept.toSorted((a, b) => b.bytes - a.bytes).slice(0, shown);
  const total = kept.reduce((sum, { bytes }) => sum + bytes, 0);
  const all = kept.length > shown ? `${kept.length} ${what}, ${sizeText(total)}, the largest ` : "";
  const list = kept.length > shown ? " --json lists them all." : "";
  return [`Stays: ${all}${largest.map(copyText).join(", ")}.${why} To remove one: --copy <its path>.${list}`];
}

function more(all: readonly unknown[]): string {
  return all.length > shown ? ` and ${all.length - shown} more: see --json without --copy` : "";
}

function plain({ node, path, bytes }: Kept): Kept {
  return { node, path, bytes };
}

function copyText({ node, path, bytes }: Readonly<{ node: string; path: string; bytes: number }>): string {
  return `${path} on the host of ${node} (${sizeText(bytes)})`;
}

function sizeText(bytes: number): string {
  return bytes < 1024 ** 3 ? `${Math.ceil(bytes / 1024 ** 2)} MiB` : `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
}
