import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { addressNumber, freeAddresses, networksOf, prefixOf } from "../../../src/lab/pacemaker/networks.ts";

describe("a netmask is read as IPaddr2 reads it", () => {
  const table: readonly [text: string, prefix: number | undefined][] = [
    ["24", 24],
    ["32", 32],
    ["33", undefined],
    ["255.255.255.0", 24],
    ["255.255.255.240", 28],
    ["0.0.0.0", 0],
    ["255.0.255.0", undefined],
    ["", undefined],
    ["fd00::", undefined],
  ];
  for (const [text, prefix] of table) test(`“${text}”`, () => assert.equal(prefixOf(text), prefix));
});

test("an address has four numbers from 0 to 255", () => {
  assert.equal(addressNumber("10.0.1.2"), 10 * 2 ** 24 + 256 + 2);
  for (const text of ["10.0.1", "10.0.1.256", "10.0.1.-1", "10.0.1.2.3", "10.0.1.x", "10.0.1."])
    assert.equal(addressNumber(text), undefined, text);
});

test("addresses of one network are in it once, and hosts get what is free", () => {
  const taken = ["192.168.7.11", "192.168.7.13"];
  const networks = networksOf([
    { address: "192.168.7.11", prefix: 24 },
    { address: "192.168.7.13", prefix: 24 },
    { address: "255.255.255.9", prefix: 29 },
  ]);
  assert.equal(networks.length, 2);
  const [first, last] = networks.map((network) => freeAddresses(network, taken, 3));
  assert.deepEqual(first, ["192.168.7.12/24", "192.168.7.14/24", "192.168.7.15/24"]);
  assert.deepEqual(last, ["255.255.255.9/29", "255.255.255.10/29", "255.255.255.11/29"]);
});
