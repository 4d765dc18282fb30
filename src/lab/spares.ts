import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { copyTree } from "./copy-template.ts";
import { identityOf, isAlive, type ProcessIdentity } from "./processes.ts";
import { readJson, writeJson } from "./json-file.ts";

/**
 * Copies of a template that are made while something else is waited for. For whoever makes one lab after the other: half of
 * what a small cluster takes to be made are its files.
 */
export interface Spares {
  /** Moves a copy of the template there, also one that is just being made; false where there is none. */
  take(template: string, directory: string): Promise<boolean>;
  /** Begins to make as many as were asked for since the last time. */
  refill(): void;
  close(): Promise<void>;
}

const prefix = "spares-";
const makerFile = "maker.json";

/** @param folder where the labs are made: a copy is moved from there, and only within a file system */
export function createSpares(folder: string): Spares {
  const own = join(folder, `${prefix}${process.pid}`);
  /** By template; undefined: it could not be made. */
  const stock = new Map<string, Promise<string | undefined>[]>();
  const asked = new Map<string, number>();
  let made = 0;
  let isOfUse = true;

  const make = async (template: string): Promise<string | undefined> => {
    const copy = join(own, String(++made));
    try {
      if (!existsSync(own)) {
        // It is there only with its maker's name in it: without, another process would take it for a dead one's.
        const part = join(folder, `.part-${prefix}${process.pid}`);
        mkdirSync(part, { recursive: true, mode: 0o755 });
        writeJson(join(part, makerFile), identityOf(process.pid) ?? {});
        renameSync(part, own);
      }
      await copyTree(template, copy);
      return copy;
    } catch {
      // No room, above all. Whoever then makes the copy himself is told of it.
      rmSync(copy, { recursive: true, force: true });
      return undefined;
    }
  };

  return {
    async take(template, directory) {
      asked.set(template, (asked.get(template) ?? 0) + 1);
      const copy = await stock.get(template)?.shift();
      if (copy === undefined) return false;
      try {
        renameSync(copy, directory);
        return true;
      } catch {
        // Another file system: there it has to be copied, and no more are made.
        isOfUse = false;
        rmSync(copy, { recursive: true, force: true });
        return false;
      }
    },
    refill() {
      if (!isOfUse) return;
      for (const [template, count] of asked) {
        const copies = stock.get(template) ?? [];
        stock.set(template, copies);
        while (copies.length < count) copies.push(make(template));
      }
      asked.clear();
    },
    async close() {
      await Promise.all([...stock.values()].flat());
      await rm(own, { recursive: true, force: true });
    },
  };
}

/** Takes away the spares of those who were killed. */
export function clearSpares(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder).filter((each) => each.startsWith(prefix))) {
    const maker = readJson<ProcessIdentity>(join(folder, name, makerFile));
    if (maker?.pid === undefined || !isAlive(maker)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}
