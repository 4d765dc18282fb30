import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Host } from "../../../src/drivers/host/host.ts";
import { localHost } from "../../../src/drivers/host/local.ts";
import { askPacemaker } from "../../../src/drivers/pacemaker/configuration.ts";
import { parseCorosync } from "../../../src/drivers/pacemaker/corosync.ts";
import { childOf, parseTree } from "../../../src/drivers/pacemaker/element-tree.ts";
import { withFolder } from "../../support/folder.ts";

const noPacemaker = spawnSync("cibadmin", ["--version"]).status === 0 ? false : "there is no cibadmin";

/** cibadmin answers from a file where CIB_file names one: the real program without a cluster. */
const hostWith = (file: string): Host => ({
  reference: "local:",
  run: (command) => localHost().run({ ...command, script: `CIB_file='${file}'; export CIB_file\n${command.script}` }),
});

test("the CIB comes without its status, with the version; what is not there is missing", { skip: noPacemaker }, () =>
  withFolder(async (folder) => {
    const file = join(folder, "cib.xml");
    const status = '<node_state id="1" uname="pg1"><transient_attributes id="1"/></node_state>';
    await writeFile(
      file,
      `<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config/><nodes/><resources/><constraints/></configuration><status>${status}</status></cib>`,
    );
    const { cib, version, missing } = await askPacemaker(hostWith(file));
    assert.match(version ?? "", /^\d+\.\d+/);
    const read = parseTree(cib ?? "");
    assert.ok(childOf(read, "configuration"));
    assert.equal(childOf(read, "status"), undefined);
    assert.ok(
      missing.every(({ what }) => /^(corosync\.conf|Corosync)/.test(what)),
      JSON.stringify(missing),
    );
    const none = await askPacemaker(hostWith(join(folder, "none.xml")));
    assert.equal(none.cib, undefined);
    assert.ok(none.missing.some(({ what, why }) => /cibadmin/.test(what) && why.length > 10));
  }),
);

test("corosync.conf is a tree; a section that stands twice is a list", () => {
  assert.deepEqual(
    parseCorosync(
      "# ours\ntotem {\n  version: 2\n  token: 1000\n}\nnodelist {\n node {\n  ring0_addr: a:b\n }\n node {\n  ring0_addr: c\n }\n}\n}\nnonsense\n",
    ),
    { totem: { version: "2", token: "1000" }, nodelist: { node: [{ ring0_addr: "a:b" }, { ring0_addr: "c" }] } },
  );
});
