import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { whatIsMissing } from "../../../src/lab/pacemaker/requirements.ts";

describe("a lab with Pacemaker", () => {
  const machine = { platform: "linux", isRoot: true, has: () => true };
  const without = (...names: readonly string[]) => ({
    ...machine,
    has: (what: string) => !names.some((name) => what.endsWith(name)),
  });
  const table: readonly [what: string, given: Parameters<typeof whatIsMissing>, said: RegExp | undefined][] = [
    ["can be made by root on Linux with everything installed", [machine, true], undefined],
    ["needs Linux", [{ ...machine, platform: "darwin" }, false], /namespaces.*Linux machine/],
    ["needs root", [{ ...machine, isRoot: false }, false], /Only root.*sudo/],
    [
      "needs packages, each named once",
      [without("pacemakerd", "pgsql", "IPaddr2"), false],
      /no pacemakerd, no .*pgsql, no .*IPaddr2\. .*apt-get install pacemaker resource-agents$/,
    ],
    [
      "names packages before the account: both have to be seen to",
      [{ ...without("ip"), isRoot: false }, false],
      /iproute2$/,
    ],
    ["needs crm to read its language", [without("crm"), true], /no crm\. .*crmsh$/],
    ["does not need crm otherwise", [without("crm"), false], undefined],
  ];
  for (const [what, given, said] of table)
    test(what, () => {
      const reason = whatIsMissing(...given);
      if (said === undefined) assert.equal(reason, undefined);
      else assert.match(`${reason?.why} ${reason?.next}`, said);
    });
});
