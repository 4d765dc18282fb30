import { realpathSync } from "node:fs";
import { basename, join, sep } from "node:path";
import { BlackstartError } from "../base/error.ts";
import { cacheDirectory } from "./cache.ts";
import { type LabRecord, readRecord } from "./record.ts";

/**
 * A lab's record is what proves that it may be broken; so a record that somebody wrote or moved by hand proves nothing.
 * It must lie in the lab's own directory, and every node where `createLab` puts them: in that directory as well, or in the
 * cache's folder for labs.
 */
export function assertOwn(lab: LabRecord): void {
  const home = real(lab.directory);
  const nodes = real(lab.nodesDirectory);
  const atHome = basename(home) === lab.name && readRecord(home)?.name === lab.name;
  const inPlace = nodes === home || isBelow(nodes, real(join(cacheDirectory(), "labs")));
  const strangers = lab.nodes.filter(({ dataDirectory }) => !isBelow(real(dataDirectory), nodes));
  if (atHome && inPlace && strangers.length === 0) return;
  throw new BlackstartError("REFUSED", {
    what: `The record of the lab ${lab.name} names data directories that no lab has.`,
    why: `They are not in a folder of its own: ${lab.nodes.map(({ dataDirectory }) => dataDirectory).join(", ")}.`,
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
