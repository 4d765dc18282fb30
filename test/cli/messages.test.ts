import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Command } from "commander";
import { createProgram } from "../../src/cli/program.ts";
import { assess } from "../../src/watch/assess/assess.ts";
import { factsOf, node, now, primaryPulse, systemOf } from "../watch/facts-of.ts";

const root = join(import.meta.dirname, "..", "..");

const program = () =>
  createProgram({
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    environment: {},
    signal: new AbortController().signal,
    ended: () => undefined,
  });

/** What the program would say to these words without doing anything; undefined where it would take them. */
function complaint(text: string): string | undefined {
  const words = (text.match(/"[^"]*"|\S+/g) ?? []).slice(1);
  let command: Command = program();
  while (command.commands.length > 0 && words.length > 0) {
    const [word = ""] = words;
    // A group by itself, or one whose verb is filled in when it is said.
    if (word === filledIn || word === "…") return undefined;
    const next = command.commands.find((each) => each.name() === word);
    if (next === undefined) break;
    command = next;
    words.shift();
  }
  if (command.commands.length > 0) return words[0]?.startsWith("-") === false ? `no command ${words[0]}` : undefined;
  let parsed: ReturnType<Command["parseOptions"]>;
  try {
    parsed = command.parseOptions(words);
  } catch (error) {
    const { message } = error as Error;
    // Which of the choices it is, is filled in when it is said.
    return message.includes(`argument '${filledIn}' is invalid`) ? undefined : message;
  }
  const { operands, unknown } = parsed;
  const globals = program()
    .parseOptions(unknown)
    .unknown.filter((option) => option !== "--help");
  if (globals.length > 0) return `no option ${globals.join(" ")}`;
  const { registeredArguments } = command;
  if (operands.length > registeredArguments.length && !registeredArguments.at(-1)?.variadic)
    return "too many arguments";
  // Named without any argument, it is the command that is spoken of.
  const missing = registeredArguments.slice(operands.length).find(({ required }) => required);
  return missing === undefined || words.length === 0 ? undefined : `no ${missing.name()}`;
}

const filledIn = "FILLED-IN";

/** Under these names the program connects; they are no commands. */
const connectsAs = ["blackstart watch", "blackstart clone", "blackstart capture"];

/** Every command that stands in a string of a source file: between backticks, between quotes, or up to the string's end. */
function commandsIn(source: string): string[] {
  let text = source.replace(/^\s*(\/\/|\/?\*).*$/gm, "");
  for (let before = ""; before !== text; ) {
    before = text;
    text = text.replace(/\$\{[^{}]*\}/g, filledIn);
  }
  return [...text.matchAll(/(\\`|[`"'])?blackstart ([a-z][^\n]*)/g)]
    .map(([, opening, rest = ""]) => {
      const end = opening === undefined ? /\\?[`"']|[;,)]|\. |\.$|: | {2}/ : new RegExp(`\\\\?\\${opening.at(-1)}`);
      return `blackstart ${rest.split(end)[0]?.trim().replace(/\.$/, "")}`;
    })
    .filter((command) => !connectsAs.includes(command));
}

test("every command that a message tells to type is one that the program takes", () => {
  const wrong: string[] = [];
  let seen = 0;
  for (const file of globSync("src/**/*.ts", { cwd: root })) {
    for (const command of commandsIn(readFileSync(join(root, file), "utf8"))) {
      seen++;
      const why = complaint(command);
      if (why !== undefined) wrong.push(`${file}: ${command} (${why})`);
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(seen > 100, `only ${seen} were found`);
});

test("what is no command is complained of", () => {
  assert.match(complaint("blackstart mitigate demote ledger --node pg1") ?? "", /no option --node/);
  assert.match(complaint("blackstart mitigate heal") ?? "", /no command heal/);
  assert.match(complaint("blackstart statsu") ?? "", /no command statsu/);
  assert.match(complaint("blackstart incident resolve i1") ?? "", /no resolution/);
  assert.match(complaint("blackstart mitigate demote ledger pg1") ?? "", /too many/);
  assert.match(complaint("blackstart lab up --manager") ?? "", /argument missing/);
  assert.equal(complaint('blackstart incident resolve i1 "what put it right"'), undefined);
});

test("two primaries that nothing tells apart: for each the command that stops it", () => {
  const alone = primaryPulse({ senders: [] });
  const [finding] = assess(systemOf(), factsOf(node("pg1", alone), node("pg2", alone)), now);
  const commands = finding?.evidence.map(({ value }) => value).filter((value) => value.startsWith("blackstart"));
  assert.deepEqual(commands, ["blackstart mitigate demote ledger/pg1", "blackstart mitigate demote ledger/pg2"]);
  for (const command of commands ?? []) assert.equal(complaint(command), undefined);
});
