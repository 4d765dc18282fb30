import { messageOf } from "../../base/error.ts";
import { addressOf } from "../../drivers/postgres/conninfo.ts";
import type { StepContext, StepHandler } from "../../plan/handler.ts";
import { endpoint } from "../../system/address.ts";
import { clusterOf } from "../../system/names.ts";
import { readClientsAddress, writeClientsAddress } from "../../drivers/clients/address-file.ts";
import type { MitigationContext } from "../context.ts";
import { stepFailed, text, texts } from "./parameters.ts";
import { refusedUnlessPrimary } from "./roles.ts";
import { declaredNode } from "./servers.ts";

/** The address file names the new primary. */
export function moveClientsHandler(context: MitigationContext): StepHandler {
  return {
    kind: "clients.move",
    async check(step) {
      const refused = await refusedUnlessPrimary(context, step);
      if (refused !== undefined) return refused;
      const { file, address } = placeOf(context, step);
      return (await readable(file)) === address ? { state: "done", outcome: { address } } : { state: "ready" };
    },
    async do(step) {
      const { file, address } = placeOf(context, step);
      const previous = (await readable(file)) ?? null;
      await step.assertHeld();
      try {
        await writeClientsAddress(file, address);
      } catch (error) {
        throw stepFailed(
          `${text(step, "primary")} is the primary and takes writes, but the address file still names ${previous ?? "no server"}.`,
          messageOf(error),
          `Write ${address} into ${file} by hand: the clients work again then. Then bring the old primary back: \`blackstart mitigate rejoin\`.`,
          error,
        );
      }
      return { address, previous };
    },
    async verify(step) {
      const { file, address } = placeOf(context, step);
      const there = await readClientsAddress(file);
      if (there === address) return;
      throw stepFailed(
        `${file} says ${there ?? "nothing"} instead of ${address}.`,
        "Somebody else writes this file as well.",
        `Find out who does, write ${address} into it, and resume the plan.`,
      );
    },
  };
}

/** What cannot be read cannot be right: the attempt to write it says what is wrong. */
async function readable(file: string): Promise<string | undefined> {
  return readClientsAddress(file).catch(() => undefined);
}

function placeOf(context: MitigationContext, step: StepContext): { file: string; address: string } {
  const cluster = text(step, "cluster");
  const file = clusterOf(context.system, cluster).clients?.file;
  if (file === undefined)
    throw stepFailed(
      "The clients were not moved.",
      "The cluster declares no address file any more.",
      "Point the clients to the new primary by hand.",
    );
  return { file, address: addressOfPrimary(context, step) };
}

function addressOfPrimary(context: MitigationContext, step: StepContext): string {
  const { host, port } = addressOf(declaredNode(context, text(step, "cluster"), text(step, "primary")).url);
  return endpoint(host, port);
}

/** Ends as not done: whether the person has done it cannot be seen from here, and a tick would say that it is. */
export function moveClientsByHandHandler(context: MitigationContext): StepHandler {
  return {
    kind: "clients.by-hand",
    looks: true,
    check: async (step) => (await refusedUnlessPrimary(context, step)) ?? { state: "ready" },
    async do(step) {
      const address = addressOfPrimary(context, step);
      const ways = texts(step, "ways").join(", ");
      throw stepFailed(
        `Not done by Blackstart: point ${ways} to ${address} yourself.`,
        "Blackstart cannot move clients this way yet; until you do, they look for the old primary.",
        `Point ${ways} to ${address}.`,
      );
    },
    async verify() {
      // Never reached: it is left to the person.
    },
  };
}
