import type { Instance } from "../instance.ts";
import { lastErrors } from "./last-errors.ts";
import { locateBinaries } from "./binaries.ts";
import { assertRoomToClone, clone } from "./clone.ts";
import { control } from "./control.ts";
import { diskEnd } from "./disk-end.ts";
import { identity } from "./identity.ts";
import { inspect } from "./inspect.ts";
import { assertRoomToKeep, keep } from "./keep.ts";
import { kill } from "./kill.ts";
import { markStandby, nextStart, unmarkStandby } from "./next-start.ts";
import { type Place, withConfigFile } from "./place.ts";
import { remains } from "./remains.ts";
import { canRewind, lacksForRewind, rewind } from "./rewind.ts";
import { keepPassword, readSetting, writeSettings } from "./settings.ts";
import { leftMemory, removeLeftMemory } from "./shared-memory.ts";
import { start } from "./start.ts";
import { stop } from "./stop.ts";
import { tryLogin } from "./try-login.ts";

/** Where each instance lies: a clone from another one on the same host needs its directory. */
const places = new WeakMap<Instance, Place>();

/** The instance at this place; see `Instance` for the contract. Nothing is asked of the host before the first call. */
export function openInstance(place: Place): Instance {
  let located: Promise<string> | undefined;
  const programs = (): Promise<string> => {
    located ??= locateBinaries(place).catch((error) => {
      located = undefined; // A machine that did not answer may answer next time.
      throw error;
    });
    return located;
  };
  let settled: Promise<Place> | undefined;
  const whole = (): Promise<Place> => {
    settled ??= withConfigFile(place).catch((error) => {
      settled = undefined;
      throw error;
    });
    return settled;
  };
  const rest = async () => ({ whole: await whole(), programs: await programs() });
  const instance: Instance = {
    node: place.node,
    dataDirectory: place.dataDirectory,
    inspect: () => inspect(place),
    remains: () => remains(place),
    identity: () => identity(place),
    kill: () => kill(place),
    stop: (mode, timeoutMs) => stop(place, mode, timeoutMs),
    start: async (timeoutMs, signal) =>
      start(await whole(), place.start === undefined ? await programs() : "", timeoutMs, signal),
    markStandby: () => markStandby(place, rest),
    unmarkStandby: () => unmarkStandby(place),
    nextStart: () => nextStart(place, rest),
    writeSettings: (settings) => writeSettings(place, settings),
    keepPassword: (password) => keepPassword(place, password),
    tryLogin: async (conninfo, query) => tryLogin(place, await programs(), conninfo, query),
    setting: async (name) => readSetting(await whole(), await programs(), name),
    lastErrors: () => lastErrors(place),
    async control() {
      const { checksums: _checksums, walLogHints: _walLogHints, ...data } = await control(place);
      return data;
    },
    diskEnd: () => diskEnd(place),
    keep: (label, what, limit) => keep(place, label, what, limit),
    assertRoomToKeep: (what) => assertRoomToKeep(place, what),
    assertRoomToClone: (bytes) => assertRoomToClone(place, bytes),
    leftMemory: () => leftMemory(place),
    removeLeftMemory: (which) => removeLeftMemory(place, which),
    lacksForRewind: async () => lacksForRewind(place, await programs()),
    canRewind: async () => canRewind(place, await programs()),
    rewind: async (url, limit, address) => rewind(await whole(), await programs(), { url, address }, limit),
    async clone({ url, replication, instance: source }, limit) {
      return clone(await whole(), await programs(), { url, replication, place: places.get(source) }, limit);
    },
  };
  places.set(instance, place);
  return instance;
}
