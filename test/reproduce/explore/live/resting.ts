import type { RoleNow } from "../../../../src/lab/lab.ts";
import type { NodeAtRest, Rest } from "../../../../src/reproduce/trial/rest.ts";

/** `pg1`, made as the primary, and standbys that were made alike. */
export function restOf(roles: readonly RoleNow[], given: Partial<Rest> = {}): Rest {
  const nodes = roles.map(
    (role, index): NodeAtRest => ({ name: `pg${index + 1}`, madeAs: index === 0 ? "primary" : "asynchronous", role }),
  );
  const accepted = roles.includes("primary");
  const takeWrites = nodes.filter(({ role }) => role === "primary").map(({ name }) => name);
  return { nodes, accepted, settled: true, takeWrites, acknowledged: 1, lost: 0, ...given };
}
