import type { LeftMemory } from "../../drivers/postgres/instance.ts";
import { leftoversFunctions } from "../../drivers/postgres/instance/leftovers.ts";
import type { StepContext, StepHandler } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { leftBehindIn, slotIsWanted } from "../left-behind.ts";
import { number, stepFailed, text } from "./parameters.ts";
import { declaredNode, neededInstance, sessions } from "./servers.ts";

/** The slot is gone. Looked at again right before: somebody may have come for it since the plan was made. */
export function dropSlotHandler(context: MitigationContext): StepHandler {
  const found = async (step: StepContext) => {
    const nodes = await leftBehindIn(context, text(step, "cluster"));
    const on = nodes.find(({ node }) => node === text(step, "node"));
    const slot = on?.server?.slots.find(({ name }) => name === text(step, "slot"));
    return { nodes, on, slot };
  };
  return {
    kind: "postgres.drop-slot",
    async check(step) {
      const { nodes, on, slot } = await found(step);
      if (on?.server === undefined)
        return {
          state: "refused",
          why: on?.problem ?? "It is no node any more.",
          next: "Make a new plan when it answers.",
        };
      if (slot === undefined) return { state: "done", outcome: { dropped: false } };
      const wanted = slotIsWanted(nodes, on, slot, step.parameters.named === true);
      if (wanted === undefined) return { state: "ready" };
      return {
        state: "refused",
        why: `The slot ${slot.name} is not left behind any more: ${wanted}.`,
        next: "It stays.",
      };
    },
    async do(step) {
      const { slot } = await found(step);
      await step.assertHeld();
      // One that is in use by now is refused by the server itself.
      await sessions(context).use(text(step, "cluster"), text(step, "node"), (connection) =>
        connection.query("select pg_drop_replication_slot($1)", [text(step, "slot")]),
      );
      return { dropped: true, retainedBytes: slot?.retainedBytes ?? 0 };
    },
    async verify(step) {
      const { on, slot } = await found(step);
      if (on?.server !== undefined && slot === undefined) return;
      throw stepFailed(
        `The slot ${text(step, "slot")} is still on ${text(step, "node")}, or that cannot be seen.`,
        on?.problem ?? "Something makes it again: a standby, or a manager that keeps slots.",
        "Find out who does.",
      );
    },
  };
}

/**
 * Only a directory that bears the name of a copy beside this data directory, is no link, and in which no server runs.
 * `exit 3`: not that.
 */
const checkCopy = `
data=$1 copy=$2
case $copy in
  "$data".kept-*|"$data".aside-*) ;;
  "$data".cloning) [ ! -e "$data.cloned" ] || { echo "$copy is whole: a rejoin puts it in its place." >&2; exit 3; } ;;
  *) echo "$copy is no copy of $data." >&2; exit 3 ;;
esac
case \${copy#"$data"} in */*) echo "$copy is no copy of $data." >&2; exit 3 ;; esac
[ -e "$copy" ] || [ -L "$copy" ] || exit 2
[ -d "$copy" ] && [ ! -L "$copy" ] || { echo "$copy is no directory." >&2; exit 3; }
[ "$copy" -ef "$data" ] && { echo "$copy is the data directory itself." >&2; exit 3; }
if [ -r "$copy/postmaster.pid" ] && read -r pid <"$copy/postmaster.pid" && [ -n "$pid" ] &&
  # Another account's process may not be signalled, and is there all the same.
  { kill -0 "$pid" 2>/dev/null || [ -d "/proc/$pid" ]; }; then
  echo "A server may run in $copy (process $pid)." >&2; exit 3
fi
`;

export function removeCopyHandler(context: MitigationContext): StepHandler {
  const run = async (step: StepContext, script: string, timeoutMs: number) => {
    const [cluster, node] = [text(step, "cluster"), text(step, "node")];
    const data = (await neededInstance(context, cluster, node)).dataDirectory.replace(/\/+$/, "");
    const host = context.fleet.host(declaredNode(context, cluster, node).host ?? "local:");
    return host.run({ script, args: [data, text(step, "path")], as: data, timeoutMs, signal: step.signal });
  };
  return {
    kind: "host.remove-copy",
    async check(step) {
      const { code, stderr } = await run(step, checkCopy, 10_000);
      if (code === 2) return { state: "done", outcome: { removed: false } };
      if (code === 0) return { state: "ready" };
      return { state: "refused", why: stderr.trim(), next: "It stays. Remove it by hand if you know what it is." };
    },
    async do(step) {
      await step.assertHeld();
      const { code, stderr } = await run(
        step,
        `${leftoversFunctions}${checkCopy}end_leftovers; rm -rf -- "$copy"`,
        60 * 60_000,
      );
      if (code === 0) return { removed: true, path: text(step, "path") };
      throw stepFailed(
        `${text(step, "path")} could not be removed, or not all of it.`,
        stderr.trim().split("\n").slice(-3).join(" "),
        "Remove the rest by hand.",
      );
    },
    async verify(step) {
      const { code } = await run(step, checkCopy, 10_000);
      if (code !== 2)
        throw stepFailed(`${text(step, "path")} is still there.`, "Something makes it again.", "Look at it.");
    },
  };
}

/** Only what nobody uses at that moment is removed. */
export function freeMemoryHandler(context: MitigationContext): StepHandler {
  const instanceOf = (step: StepContext) => neededInstance(context, text(step, "cluster"), text(step, "node"));
  const wanted = (step: StepContext): LeftMemory => ({
    kind: step.parameters.memory === "file" ? "file" : "segment",
    name: text(step, "name"),
    bytes: number(step, "bytes"),
  });
  const isLeft = async (step: StepContext) => {
    const { kind, name } = wanted(step);
    return (await (await instanceOf(step)).leftMemory()).some((one) => one.kind === kind && one.name === name);
  };
  return {
    kind: "host.free-memory",
    check: async (step) =>
      (await isLeft(step))
        ? { state: "ready" }
        : { state: "done", outcome: { freed: false, why: "it is gone, or in use" } },
    async do(step) {
      await step.assertHeld();
      const removed = await (await instanceOf(step)).removeLeftMemory([wanted(step)]);
      return { freed: removed.length > 0 };
    },
    async verify(step) {
      if (!(await isLeft(step))) return;
      throw stepFailed(
        `The shared memory ${text(step, "name")} is still there.`,
        "We may not remove it.",
        "As root, or as the account of the server: ipcrm -m for a segment, rm for a file.",
      );
    },
  };
}
