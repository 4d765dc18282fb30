import type { Instant } from "../base/time.ts";
import type { IncidentState } from "./incident-fold.ts";

/* Who has an incident. */

/** Without a role: had one in an outage before. */
export type Person = Readonly<{ who: string; roles: readonly string[]; since: Instant }>;

/** Who acknowledges has this role until somebody is assigned another. */
export const responderRole = "responder";

/** Nobody has it any more: so that somebody is called. */
export function unacknowledged({ times, people }: IncidentState): Pick<IncidentState, "times" | "people"> {
  return {
    times: { ...times, acknowledgedAt: null },
    people: people.map((person) => ({ ...person, roles: [] })),
  };
}

/** Who has it now. */
export function holdersOf({ people }: IncidentState): readonly string[] {
  return people.filter(({ roles }) => roles.length > 0).map(({ who }) => who);
}

/** A role has one holder: it passes on. */
export function withRole(people: readonly Person[], who: string, role: string, since: Instant): readonly Person[] {
  const without = people.map((person) => ({ ...person, roles: person.roles.filter((name) => name !== role) }));
  const known = without.some((person) => person.who === who);
  const all = known ? without : [...without, { who, roles: [], since }];
  return all.map((person) => (person.who === who ? { ...person, roles: [...person.roles, role] } : person));
}
