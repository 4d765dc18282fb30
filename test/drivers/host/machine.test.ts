import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { localHost } from "../../../src/drivers/host/local.ts";
import { askMachine, machineOf } from "../../../src/drivers/host/machine.ts";

test("the mount is the longest place above the path, and of several at one place the last", () => {
  const { mounts } = machineOf(
    [
      "mount\t/dev/root / ext4 rw,relatime 0 0",
      "mount\t/dev/sdb /var/lib/my\\040data xfs noatime,rw 0 0",
      "mount\t/dev/sdc /var/lib/my\\040data xfs rw,nobarrier 0 0",
      "mount\ttmpfs /var/lib/my\\040data2 tmpfs rw 0 0",
      "path data\t/var/lib/my data/15",
      "path wal\t/wal",
    ].join("\n"),
  );
  assert.deepEqual(mounts.data, { device: "/dev/sdc", kind: "xfs", options: ["nobarrier", "rw"] });
  assert.equal(mounts.wal?.device, "/dev/root");
});

test("limits are soft and hard; what is empty was not found out", () => {
  const { limits, facts } = machineOf(
    "limit\tLimit                     Soft Limit           Hard Limit           Units     \n" +
      "limit\tMax open files            1024                 524288               files     \n" +
      "limit\tMax cpu time              unlimited            unlimited            seconds   \nglibc\t\ncpus\t4\n",
  );
  assert.deepEqual(limits, { "open files": "1024 (hard 524288)", "cpu time": "unlimited" });
  assert.deepEqual(facts, { cpus: "4" });
});

test("this machine tells of itself, and whole numbers", async () => {
  const { facts, mounts, limits } = await askMachine(localHost(), undefined);
  assert.match(facts.memory ?? "", /^\d{4,} kB$/);
  assert.match(facts["sysctl net.ipv4.tcp_keepalive_time"] ?? "0", /^\d+$/);
  assert.equal(facts["sysctl vm.overcommit_ratio"], readFileSync("/proc/sys/vm/overcommit_ratio", "utf8").trim());
  assert.deepEqual([mounts, limits], [{}, {}]);
});
