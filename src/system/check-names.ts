import { nearest } from "../base/nearest.ts";
import { mapping } from "./loose.ts";
import type { Path, Report } from "./problem.ts";

/** `needs` finds clusters, caches and services by one name; so no two of them may share it. */
export function checkNames(data: unknown, report: Report): void {
  const owner = new Map<string, string>();
  for (const section of ["clusters", "caches", "services"])
    for (const name of Object.keys(mapping(mapping(data)[section]))) {
      const other = owner.get(name);
      if (other === undefined) owner.set(name, section);
      else
        report([section, name], `the name stands in \`${other}\` already; \`needs\` could mean either`, { on: "key" });
    }
}

/** Reports `name` where none of the candidates is it. */
export function checkKnown(
  kind: string,
  name: unknown,
  candidates: readonly string[],
  path: Path,
  report: Report,
): void {
  if (typeof name !== "string" || candidates.includes(name)) return;
  const near = nearest(name, candidates);
  const known = candidates.length === 0 ? "there is none at all" : `there is ${candidates.slice(0, 10).join(", ")}`;
  report(
    path,
    `no ${kind} “${name}”${near === undefined ? `; ${known}` : ""}`,
    near === undefined ? {} : { nearest: near },
  );
}
