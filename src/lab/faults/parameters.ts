import { z } from "zod";
import { BlackstartError } from "../../base/error.ts";
import type { Fault, FaultFacts } from "./fault.ts";

/** A parameter of a fault, for people. */
export type ParameterFacts = Readonly<{
  name: string;
  description: string;
  choices: readonly string[];
  usual?: string;
}> &
  Readonly<{ required: boolean }>;

type Property = Readonly<{ description?: string; default?: unknown; enum?: readonly string[] }>;

/** What a fault can be told, in the order in which it declares it. */
export function parametersOf(fault: Pick<Fault, "parameters">): readonly ParameterFacts[] {
  const schema = z.toJSONSchema(fault.parameters, { io: "input", unrepresentable: "any" });
  const required = schema.required ?? [];
  return Object.entries((schema.properties ?? {}) as Readonly<Record<string, Property>>).map(([name, property]) => ({
    name,
    description: property.description ?? "",
    choices: property.enum ?? [],
    required: required.includes(name),
    ...(property.default === undefined ? {} : { usual: String(property.default) }),
  }));
}

/** The parameters as the fault wants them; USAGE names every one that does not fit, and what it takes. */
export function readParameters<Parameters>(
  fault: FaultFacts<Parameters> & Pick<Fault, "parameters">,
  given: Readonly<Record<string, unknown>>,
): Parameters {
  const read = fault.parameters.safeParse(given);
  if (read.success) return read.data as Parameters;
  const problems = read.error.issues.map(({ path, message }) => [...path.map(String), message].join(": "));
  const known = parametersOf(fault);
  const meant = known.filter(({ name }) => read.error.issues.some(({ path }) => path[0] === name));
  throw new BlackstartError("USAGE", {
    what: `The fault ${fault.name} cannot be done so: ${problems.join("; ")}.`,
    why:
      known.length === 0
        ? "It takes no parameters."
        : `It takes ${(meant.length > 0 ? meant : known).map(parameterText).join(" ")}`,
    next:
      known.length === 0 ? "Leave them out." : "`blackstart lab break` lists all that it takes; write --with key=value",
    details: { fault: fault.name, problems },
  });
}

export function parameterText({ name, description, choices, usual, required }: ParameterFacts): string {
  const isSaid = choices.every((choice) => description.includes(choice));
  const what = choices.length > 0 && !isSaid ? `${description} One of: ${choices.join(", ")}.` : description;
  return `${name}: ${what}${required ? " Needed." : usual === undefined ? "" : ` Default: ${usual}.`}`;
}
