import { realpathSync } from "node:fs";
import { join, sep } from "node:path";
import { BlackstartError } from "../base/error.ts";
import { cacheDirectory } from "./cache.ts";
import type { LabRecord } from "./record.ts";

/**
 * A lab's record is what proves that it may be broken; so a record that somebody wrote or moved by hand proves nothing.
 * Every node must lie where `createLab` puts them: in the lab's own directory, or in the cache's folder for labs.
 */
export function assertOwn(lab: LabRecord): void {
  const home = real(lab.directory);
  const nodes = real(lab.nodesDirectory);
  const inPlace = nodes === home || isBelow(nodes, real(join(cacheDirectory(), "labs")));
  const strangers = lab.nodes.filter(({ dataDirectory }) => !isBelow(real(dataDirectory), nodes));
  if (inPlace && strangers.length === 0) return;
  throw new BlackstartError("REFUSED", {
    what: `The record of the lab ${lab.name} names data directories that no lab has.`,
    why: `Not in the lab's own folder: ${inPlace ? strangers.map(({ dataDirectory }) => dataDirectory).join(", ") : lab.nodesDirectory}.`,
    next: "Faults are for what a lab made itself; make one with `blackstart lab up`.",
  });
}

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder + sep);
}

/** What is not there (a node whose disk is gone, say) is taken by its name. */
function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
