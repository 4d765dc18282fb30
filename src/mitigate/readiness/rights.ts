import type { Connection } from "../../drivers/postgres/connection.ts";
import type { Refusal, Step } from "../../plan/plan.ts";
import { type ClusterFacts, nodeFacts, primariesOf } from "../cluster-facts.ts";
import { type PlanDraft, refuse } from "../planning.ts";
import { nodesOf } from "./lacks.ts";

/*
 * What our role may do on a server. It is asked before a plan is made: a failover whose promotion is denied would have
 * fenced the last primary by then, and nobody would take writes.
 */

export type Right = "monitor" | "promote" | "reload" | "synchronous" | "conninfo" | "checkpoint";

/** Our role on a server that answers, and what it may not do there. */
export type Rights = Readonly<{ role: string; lacks: readonly Right[] }>;

/** The rights that each kind of step makes use of over SQL; all others look, or act on the host. */
const needed: Readonly<Record<string, readonly Right[]>> = {
  "postgres.promote": ["monitor", "promote"],
  "postgres.set-synchronous": ["monitor", "synchronous", "reload"],
  "postgres.follow": ["monitor", "conninfo", "reload"],
  "postgres.checkpoint": ["checkpoint"],
};

const grants: Readonly<Record<Right, string>> = {
  monitor: "pg_monitor",
  promote: "execute on function pg_promote(boolean, integer)",
  reload: "execute on function pg_reload_conf()",
  synchronous: "alter system on parameter synchronous_standby_names",
  conninfo: "alter system on parameter primary_conninfo",
  checkpoint: "pg_checkpoint",
};

/** Before 15 only a superuser may ALTER SYSTEM or CHECKPOINT, and it cannot be granted. */
const grantableFrom = 150_000;

export async function rightsOf(connection: Connection, version: number): Promise<Rights> {
  const [row] = await connection.query<{ role: string } & Record<Right, boolean>>(
    rightsQuery(version >= grantableFrom ? withGrants : superuserOnly),
  );
  if (row === undefined) throw new Error("a query without FROM answers with one row");
  return { role: row.role, lacks: (Object.keys(grants) as Right[]).filter((right) => !row[right]) };
}

const superuser = "(select rolsuper from pg_roles where rolname = current_user)";
const superuserOnly = `${superuser} as synchronous, ${superuser} as conninfo, ${superuser} as checkpoint`;
const withGrants = `
  has_parameter_privilege('synchronous_standby_names', 'alter system') as synchronous,
  has_parameter_privilege('primary_conninfo', 'alter system') as conninfo,
  pg_has_role('pg_checkpoint', 'usage') as checkpoint`;

function rightsQuery(byVersion: string): string {
  return `select current_user::text as role, pg_has_role('pg_monitor', 'usage') as monitor,
    has_function_privilege(to_regprocedure('pg_catalog.pg_promote(boolean, integer)'), 'execute') as promote,
    has_function_privilege('pg_catalog.pg_reload_conf()', 'execute') as reload, ${byVersion}`;
}

/** Refused where a step would be denied. A node that does not answer now cannot be asked. */
export function refuseRights(plan: PlanDraft, facts: ClusterFacts): Refusal | undefined {
  const missing = facts.nodes.flatMap(({ node, rights }) => {
    const wanted = new Set(plan.steps.filter((step) => nodesOf(step, plan).includes(node)).flatMap(rightsFor));
    const lacks = rights?.lacks.filter((right) => wanted.has(right)) ?? [];
    return lacks.length === 0 ? [] : [{ node, role: rights?.role ?? "", lacks }];
  });
  if (missing.length === 0) return undefined;
  const lackings = missing.map(({ node, role, lacks }) => `on ${node}, ${role} lacks ${lacks.map(nameOf).join(", ")}`);
  const since15 = missing.every(({ node }) => (nodeFacts(facts, node)?.observation?.version ?? 0) >= grantableFrom);
  // A standby takes a grant from the primary only.
  const grant = since15 && primariesOf(facts).length === 1 ? `, or run on the primary: ${grantText(missing)}` : ".";
  return refuse(
    "rights",
    `Blackstart's role may not do there what the plan needs: ${lackings.join("; ")}. It would stop half-way.`,
    `Give ${missing.map(({ node }) => node).join(", ")} a superuser's \`url\` in blackstart.yaml${grant}`,
  );
}

function rightsFor({ kind }: Step): readonly Right[] {
  return needed[kind] ?? [];
}

function nameOf(right: Right): string {
  return grants[right].replace("execute on function ", "");
}

/** Each grant once for each role: the standbys have it from the primary. */
function grantText(missing: readonly Rights[]): string {
  const all = missing.flatMap(({ role, lacks }) =>
    lacks.map((right) => `grant ${grants[right]} to "${role.replaceAll('"', '""')}";`),
  );
  return [...new Set(all)].join(" ");
}
