import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { rules } from "../tools/tidy/rules.ts";
import { readSources, type Source } from "../tools/tidy/source.ts";

const root = join(import.meta.dirname, "..");
const sources = readSources(root);

describe("the project keeps its rules", () => {
  for (const [name, rule] of Object.entries(rules))
    test(name, () => {
      const found = rule(sources).map(({ path, line, message }) => `${path}:${line} ${message}`);
      assert.equal(found.length, 0, `\n${found.join("\n")}\n`);
    });
});

/** Texts that a rule looks for must not be found in this file itself. */
const split = (text: string) => text.replaceAll("~", "");

describe("each rule finds what it is for, and nothing else", () => {
  const table: readonly [rule: string, source: Source, finds: RegExp | undefined][] = [
    [
      "import law",
      file("src/base/a.ts", 'import "../system/schema.ts";'),
      /base may not know system: it knows only itself/,
    ],
    ["import law", file("src/system/a.ts", 'import type { A } from "../drivers/a.ts";'), /system may not know drivers/],
    ["import law", file("src/drivers/x/a.ts", 'export { a } from "../../wal/a.ts";'), /drivers may not know wal/],
    ["import law", file("src/lab/a.ts", 'import * as a from "../watch/a.ts";'), /lab may not know watch/],
    [
      "import law",
      file("src/watch/a.ts", 'import {\n  a,\n  b,\n} from "../respond/a.ts";'),
      /:4 watch may not know respond: the acts meet/,
    ],
    [
      "import law",
      file("src/recover/a.ts", 'const a = await import("../mitigate/a.ts");'),
      /the acts meet in the timeline/,
    ],
    ["import law", file("src/learn/a.ts", 'import { a } from "../cli/a.ts";'), /nothing imports them/],
    ["import law", file("src/server/a.ts", 'import { a } from "../cli/a.ts";'), /nothing imports them/],
    [
      "import law",
      file("src/plan/a.ts", 'new Worker(new URL("../server/a.ts", import.meta.url));'),
      /nothing imports them/,
    ],
    ["import law", file("src/watch/a.ts", 'import { a } from "../../test/a.ts";'), /nothing from outside of src/],
    ["import law", file("src/other/a.ts", ""), /in no room/],
    ["import law", file("src/a.ts", ""), /in no room/],
    ["import law", file("src/watch/a.ts", 'import { a } from "../drivers/a.ts"; // not from "../cli/a.ts"'), undefined],
    ["import law", file("src/cli/a.ts", 'import { a } from "../server/a.ts";'), undefined],
    ["import law", file("test/watch/a.test.ts", 'import { a } from "../../src/cli/a.ts";'), undefined],
    ["file size", file("src/base/a.ts", "\n".repeat(300) + "a"), /:301 has 301 lines/],
    ["file size", file("src/base/a.ts", "a\n".repeat(300)), undefined],
    ["dead files", file("src/base/a.ts", 'import "./a.ts";'), /imported by nobody/],
    ["dead files", file("src/cli/main.ts", ""), undefined],
    ["banned calls", file("src/watch/a.ts", "console.log(1)"), /console is for nobody/],
    ["banned calls", file("src/watch/a.ts", 'process.stderr.write("")'), /write to the terminal/],
    [
      "banned calls",
      file("test/a.test.ts", split("await new Promise((resolve) => set~Timeout(resolve, 5));")),
      /sleeps a fixed time/,
    ],
    ["banned calls", file("test/support/a.ts", split("new Promise((resolve) => set~Timeout(resolve, 5))")), undefined],
    ["banned calls", file("src/a/a.ts", split("new Promise<void>(r => { set~Timeout(r) })")), /a bare sleep/],
    ["banned calls", file("src/a/a.ts", split('import { setTimeout } from "node:timers/~promises";')), /a bare sleep/],
    ["banned calls", file("src/watch/a.ts", "process.exit(1)"), /only programs end the process/],
    [
      "banned calls",
      file("src/lab/a.ts", split('import { execFile, ex~ec } from "node:child_process";')),
      /exec builds a shell line/,
    ],
    [
      "banned calls",
      file("src/lab/a.ts", split('const { execSync } = await import("node:child_~process");')),
      /exec builds a shell line/,
    ],
    ["banned calls", file("src/respond/a.ts", "const now = Date.now();"), /a Clock/],
    ["banned calls", file("src/timeline/a.ts", "const now = new Date();"), /a Clock/],
    ["banned calls", file("src/plan/a.ts", "const id = Math.random();"), /node:crypto/],
    [
      "banned calls",
      file("src/respond/a.ts", "// console.log(Date.now())\n/* process.exit(1) */ new Date(ms)"),
      undefined,
    ],
    [
      "banned calls",
      file("src/lab/a.ts", 'import { execFile } from "node:child_process"; pattern.exec(text);'),
      undefined,
    ],
    ["banned calls", file("src/cli/main.ts", "process.exit(1)"), undefined],
    ["left marks", file("docs/a.md", split("TO~DO: write this")), /work left undone/],
    ["left marks", file("src/a/a.ts", split("// FIX~ME")), /work left undone/],
    ["left marks", file("src/a/a.ts", "to do; a todo list"), undefined],
    ["machine paths", file("README.md", split("see /wo~rk/main")), /path of one machine/],
    ["machine paths", file("src/a/a.ts", split('"/ro~ot/x"')), /path of one machine/],
    ["machine paths", file("src/a/a.ts", split("// ../sha~red/design.md")), /path of one machine/],
    ["machine paths", file("src/a/a.ts", '"/run/network/" + "frame/work/"'), undefined],
    ["empty catches", file("src/a/a.ts", split("try {} cat~ch {}")), /an error is swallowed/],
    ["empty catches", file("src/a/a.ts", split("try {} cat~ch (error) {\n}")), /an error is swallowed/],
    ["empty catches", file("src/a/a.ts", "try {} catch {\n  // Gone already.\n}"), undefined],
  ];
  for (const [name, source, finds] of table)
    test(`${name}: ${source.path}: ${source.text.slice(0, 60).trim()}`, () => {
      const found = rules[name]?.([source]) ?? [];
      const said = found.map(({ path, line, message }) => `${path}:${line} ${message}`).join("\n");
      if (finds === undefined) assert.equal(said, "");
      else assert.match(said, finds);
    });

  test("every rule has a bad file that it finds", () => {
    for (const name of Object.keys(rules))
      assert.ok(
        table.some(([rule, , finds]) => rule === name && finds),
        name,
      );
  });
});

function file(path: string, text: string): Source {
  return { path, text };
}
