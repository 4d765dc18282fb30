import { resolve } from "node:path";
import type { Fleet } from "../drivers/fleet.ts";
import type { Environment } from "../system/home.ts";
import { blackstartHome, timelineFile } from "../system/home.ts";
import type { System } from "../system/schema.ts";
import type { Actor, Timeline } from "../timeline/timeline.ts";
import { personActor, personName } from "./actor.ts";
import type { Output } from "./output/output.ts";

/** What may stand behind every command. */
export type GlobalOptions = Readonly<{
  file?: string;
  lab?: string;
  home?: string;
  json?: boolean;
  color?: boolean;
  as?: string;
}>;

/**
 * What a command works with. Everything is opened when it is first asked for, once, and closed when the command ends,
 * however it ends.
 */
export interface CommandContext {
  readonly out: Output;
  readonly home: string;
  readonly environment: Environment;
  readonly person: string;
  readonly actor: Actor;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  timeline(): Promise<Timeline>;
  system(): Promise<System>;
  /** The file that the system was read from. */
  systemFile(): Promise<string>;
  fleet(): Promise<Fleet>;
  /** To be called at the end, the last first. */
  defer(close: () => Promise<void>): void;
  close(): Promise<void>;
}

export function createContext(
  options: GlobalOptions,
  given: Readonly<{ out: Output; signal: AbortSignal; environment: Environment }>,
): CommandContext {
  const { out, signal, environment } = given;
  const home = options.home === undefined ? blackstartHome(environment) : resolve(options.home);
  const person = personName(options.as, environment);
  const closers: (() => Promise<void>)[] = [];
  const defer = (close: () => Promise<void>) => void closers.push(close);

  const timeline = once(async () => {
    const { openSqliteTimeline } = await import("../timeline/sqlite/store.ts");
    const { chooseSystemName } = await import("./system-name.ts");
    const name = await chooseSystemName({ system, systemFile, home, say: (line) => out.progress(line) });
    const opened = await openSqliteTimeline(timelineFile(home, name));
    defer(() => opened.close());
    return opened;
  });
  const systemFile = once(async () => {
    const { chooseSystemFile } = await import("./system-file.ts");
    return chooseSystemFile({ file: options.file, lab: options.lab, home, say: (line) => out.progress(line) });
  });
  const system = once(async () => {
    const { loadSystem } = await import("../system/load.ts");
    return loadSystem(await systemFile(), environment);
  });
  const fleet = once(async () => {
    const { openFleet } = await import("./open-fleet.ts");
    const opened = await openFleet(await system(), await timeline());
    defer(() => opened.close());
    return opened;
  });

  return {
    out,
    home,
    environment,
    person,
    actor: personActor(person),
    signal,
    timeline,
    system,
    systemFile,
    fleet,
    defer,
    close: async () => {
      for (const close of closers.splice(0).reverse()) await close();
    },
  };
}

function once<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined;
  return () => {
    opened ??= open();
    return opened;
  };
}
