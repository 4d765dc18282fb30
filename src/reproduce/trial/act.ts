import { BlackstartError } from "../../base/error.ts";
import { delay } from "../../base/time.ts";
import { withConnection } from "../../drivers/postgres/connection.ts";
import type { Action } from "../scenario/schema.ts";
import { runCommand } from "./command.ts";
import { settle, settledText } from "./rest.ts";
import type { World } from "./world.ts";

const queryTimeoutMs = 30_000;

/** Does one thing to the cluster; returns when it has taken effect. */
export async function act(action: Action, world: World): Promise<void> {
  const { lab, say, signal } = world;
  if (action.settled !== undefined) {
    const settled = await settle(world, action.settled);
    world.rested(settled);
    say(settledText(settled));
  }
  if (action.after !== undefined) await delay(action.after, signal);
  if (action.fault !== undefined) say((await lab.break(action.fault, action.on, action.with)).done);
  if (action.heal !== undefined) say((await lab.heal(action.heal, action.on)).done);
  if (action.promote !== undefined) say((await lab.promote(action.promote)).done);
  if (action.manage !== undefined) say((await lab.manage(action.manage)).done);
  if (action.backup !== undefined) say((await lab.backUp()).done);
  if (action.archive !== undefined) say((await lab.archiveLog()).done);
  if (action.restore !== undefined) say((await lab.restore(action.restore)).done);
  if (action.sql !== undefined) await runStatement(action.sql, action.on, world);
  if (action.command !== undefined) await runOrThrow(action.command, world);
}

async function runStatement(statement: string, on: string | undefined, { lab, say }: World): Promise<void> {
  const url = on === undefined ? await lab.clientUrl() : lab.node(on).url;
  if (url === undefined)
    throw new BlackstartError("NOT_POSSIBLE_NOW", {
      what: "A statement of the scenario could not be run: the clients are led nowhere.",
      why: "Nothing takes writes at this moment of the story.",
      next: "Name the node in `on`, or put it elsewhere in the order.",
    });
  await withConnection(url, { timeoutMs: queryTimeoutMs, queryTimeoutMs }, (connection) => connection.query(statement));
  say(`ran: ${statement.trim().split("\n", 1)[0]}`);
}

async function runOrThrow(command: string, world: World): Promise<void> {
  const code = await runCommand(command, world);
  if (code === 0) return world.say(`ran: ${command.trim().split("\n", 1)[0]}`);
  throw new BlackstartError("HOST_COMMAND_FAILED", {
    what: `A command of the scenario ended with exit code ${code}: ${command.trim().split("\n", 1)[0]}`,
    why: "The trial cannot be carried out without it.",
    next: "See what it said in the trial's moments.",
  });
}
