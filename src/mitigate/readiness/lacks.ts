import type { Step } from "../../plan/plan.ts";
import { type ClusterFacts, type NodeFacts, nodeFacts, primariesOf } from "../cluster-facts.ts";
import type { PlanDraft } from "../planning.ts";

/*
 * What a step would fail on, asked before the plan is made: after the fence it is too late. Pure. What a server that does
 * not answer now would not allow cannot be asked of it.
 */

/** `what` completes “pg2: …”; `provide` says what to do about it. */
export type Lack = Readonly<{ node: string; rule: string; what: string; provide: string }>;

/** What the steps of this plan would fail on: first what stops the plan, then what the plan goes on without. */
export function lacksOf(
  plan: PlanDraft,
  facts: ClusterFacts,
): Readonly<{ stops: readonly Lack[]; degrades: readonly Lack[] }> {
  const all = plan.steps.flatMap((step) =>
    nodesOf(step, plan).flatMap((name) => {
      const node = nodeFacts(facts, name);
      const lacks = node === undefined ? [] : (needs[step.kind] ?? []).flatMap((need) => need(node, facts));
      return lacks.map((lack) => ({ lack, stops: step.onFailure !== "continue" && !(isBehind(lack) && plan.urgent) }));
    }),
  );
  const stops = unique(all.filter((one) => one.stops).map(({ lack }) => lack));
  const degrades = unique(all.filter((one) => !one.stops).map(({ lack }) => lack));
  return { stops, degrades: degrades.filter((one) => !stops.some((other) => keyOf(other) === keyOf(one))) };
}

/** It comes after the promotion, which is not to be refused for it where nobody takes writes. */
function isBehind({ rule }: Lack): boolean {
  return rule === canBeFollowedRule;
}

const canBeFollowedRule = "replication-address";

type Need = (node: NodeFacts, facts: ClusterFacts) => readonly Lack[];

/** By the kind of the step, what it needs of each node on which it works. */
const needs: Readonly<Record<string, readonly Need[]>> = {
  "postgres.set-synchronous": [altersSystem, changes("synchronous_standby_names")],
  "postgres.promote": [writesByDefault, canBeFollowed],
  "postgres.follow": [altersSystem, changes("primary_conninfo")],
  "postgres.hand-over": [staysStandby, startsAsBefore],
  "postgres.start": [startsAsBefore],
  "postgres.rejoin": [startsAsBefore, findsPrimary],
  "clients.verify-write": [letsClientsIn],
};

function altersSystem({ node, limits }: NodeFacts): readonly Lack[] {
  if (limits === undefined) return [];
  const [broken] = limits.brokenLines;
  return [
    ...(limits.altersSystem
      ? []
      : [
          {
            node,
            rule: "alter-system",
            what: "allow_alter_system is off, so ALTER SYSTEM is refused",
            provide: `Set allow_alter_system = on on ${node} and reload it, at least for as long as the plan runs.`,
          },
        ]),
    ...(broken === undefined
      ? []
      : [
          {
            node,
            rule: "configuration",
            what: `its configuration files have a line that it cannot use, so a reload changes nothing (${broken})`,
            provide: `Correct that line on ${node}; see pg_file_settings.`,
          },
        ]),
  ];
}

function changes(setting: string): Need {
  return ({ node, limits }) =>
    limits?.fixed.includes(setting) === true
      ? [
          {
            node,
            rule: "command-line",
            what: `${setting} is set on its command line, where ALTER SYSTEM has no effect`,
            provide: `Move ${setting} of ${node} from the command line into its configuration file, and restart it.`,
          },
        ]
      : [];
}

/** Without its command line it might listen elsewhere, or its commits wait for nobody. */
function startsAsBefore({ node, unrepeatable }: NodeFacts): readonly Lack[] {
  if (unrepeatable !== true) return [];
  return [
    {
      node,
      rule: "start",
      what: "the command line with which it runs cannot be repeated: postmaster.opts can be read in more than one way",
      provide: `Declare \`start:\` for ${node}, the command that starts it.`,
    },
  ];
}

/** The old primary is to come back as a standby. What a restore left is cleared then, but for its command line. */
function staysStandby({ node, limits }: NodeFacts): readonly Lack[] {
  const fixed = (limits?.endsRecovery ?? []).filter((one) => limits?.fixed.includes(settingOf(one)) === true);
  if (fixed.length === 0) return [];
  return [
    {
      node,
      rule: "ends-recovery",
      what: `its command line sets ${fixed.join(", ")}: started as a standby it would end its recovery by itself, and could promote itself`,
      provide: `Take ${fixed.map(settingOf).join(", ")} out of the command by which ${node} is started, and restart it.`,
    },
  ];
}

/** `recovery_target = immediate` */
function settingOf(assignment: string): string {
  return assignment.replace(/ = .*$/s, "");
}

/** What a plan that makes a standby of this node clears on the way, for the person to know. */
export function clearedBy(plan: PlanDraft, facts: ClusterFacts): readonly string[] {
  return plan.steps
    .filter(({ kind }) => kind === "postgres.hand-over")
    .flatMap((step) => nodesOf(step, plan))
    .flatMap((name) => {
      const ends = nodeFacts(facts, name)?.limits?.endsRecovery ?? [];
      return ends.length === 0
        ? []
        : [`${ends.join(", ")} of ${name}, left by a restore, is cleared: it would not stay a standby.`];
    });
}

/** A server whose sessions only read by default, while those of the primary write: the clients would fail there. */
function writesByDefault({ node, limits }: NodeFacts, facts: ClusterFacts): readonly Lack[] {
  if (limits?.readOnly !== true) return [];
  // Where the primary is set the same, its clients know how to write all the same.
  if (primariesOf(facts)[0]?.limits?.readOnly === true) return [];
  return [
    {
      node,
      rule: "read-only",
      what: "default_transaction_read_only is on in its configuration: as the primary it would refuse the clients' writes",
      provide: `On ${node}: alter system reset default_transaction_read_only (or take it out of its configuration file), and reload.`,
    },
  ];
}

/** Once it is the primary the others are aimed at it, and the clients are pointed there. */
function canBeFollowed({ node, address, astray = [] }: NodeFacts): readonly Lack[] {
  if (astray.length === 0) return [];
  return [
    {
      node,
      rule: canBeFollowedRule,
      what: `${address} (its \`url\`) is an address of its own machine alone: ${astray.join(" and ")} would connect to ${astray.length === 1 ? "itself" : "themselves"} there`,
      provide: `Declare \`replication:\` for ${node}, with the host and port at which the others reach it, or give its \`url\` such an address.`,
    },
  ];
}

function findsPrimary({ node }: NodeFacts, facts: ClusterFacts): readonly Lack[] {
  const primary = primariesOf(facts).find((one) => one.node !== node && one.astray?.includes(node) === true);
  return primary === undefined ? [] : canBeFollowed(primary);
}

function letsClientsIn({ node, clientsLogin: login }: NodeFacts): readonly Lack[] {
  if (login === undefined) return [];
  if ("problem" in login)
    // A server that is full or slow now says nothing of later.
    return login.sqlstate === undefined || login.sqlstate.startsWith("53")
      ? []
      : [
          {
            node,
            rule: "clients-login",
            what: `the clients' role is not let in (${login.problem})`,
            provide: `Correct \`clients: { url }\` in blackstart.yaml, or pg_hba.conf and the role on ${node}.`,
          },
        ];
  return login.readOnly
    ? [
        {
          node,
          rule: "read-only",
          what: `sessions of ${login.role}, as whom the clients connect, only read by default`,
          provide: `alter role ${login.role} reset default_transaction_read_only; see pg_db_role_setting and pg_settings on ${node}.`,
        },
      ]
    : [];
}

/** The node or nodes on which a step works; any candidate of an election may be the one. */
export function nodesOf({ kind, parameters }: Step, plan: PlanDraft): readonly string[] {
  if (kind === "postgres.follow") return textsOf(parameters.nodes);
  const named = parameters.node ?? parameters.primary;
  if (typeof named === "string") return [named];
  return textsOf(plan.steps.find((step) => step.kind === "postgres.elect")?.parameters.candidates);
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

function unique(lacks: readonly Lack[]): readonly Lack[] {
  return [...new Map(lacks.map((one) => [keyOf(one), one])).values()];
}

function keyOf({ node, rule, what }: Lack): string {
  return JSON.stringify([node, rule, what]);
}
