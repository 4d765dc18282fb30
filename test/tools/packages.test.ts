import assert from "node:assert/strict";
import { test } from "node:test";
import { installAll } from "../../tools/testing/packages.ts";

type Machine = Readonly<{ hasList?: boolean; isOffline?: boolean; lacks?: string }>;

const cases: readonly Readonly<{ title: string; names: string[]; machine: Machine; commands: string[] }>[] = [
  { title: "all at once", names: ["a", "b"], machine: { hasList: true }, commands: ["install a b"] },
  {
    title: "with a fresh list of packages where there is none",
    names: ["a", "b"],
    machine: {},
    commands: ["install a b", "update", "install a b"],
  },
  {
    title: "the others, where one of them is not to be had",
    names: ["a", "b", "c"],
    machine: { hasList: true, lacks: "b" },
    commands: ["install a b c", "update", "install a b c", "install a", "install b", "install c"],
  },
  {
    title: "PostgreSQL only after what says that no cluster is made",
    names: ["postgresql", "b"],
    machine: { hasList: true },
    commands: ["install postgresql-common", "install postgresql b"],
  },
  {
    title: "nothing where PostgreSQL cannot be fetched",
    names: ["postgresql"],
    machine: { isOffline: true },
    commands: ["install postgresql-common", "update"],
  },
];

for (const { title, names, machine, commands } of cases)
  test(`the test set-up installs ${title}`, () => {
    const said: string[] = [];
    const there = new Set<string>();
    let hasList = machine.hasList ?? false;
    const aptGet = (command: string, ...words: string[]) => {
      const wanted = words.filter((word) => !word.startsWith("--"));
      said.push([command, ...wanted].join(" "));
      if (machine.isOffline) return false;
      if (command === "update") return (hasList = true);
      if (!hasList || wanted.some((name) => name === machine.lacks)) return false;
      for (const name of wanted) there.add(name);
      return true;
    };
    installAll(names, { aptGet, missing: () => names.filter((name) => !there.has(name)) });
    assert.deepEqual(said, commands);
  });
