/** CIBs to search, written from nothing. What is not given is as a small cluster has it. */
export type CibShape = Readonly<{
  nodes?: readonly string[];
  resources: string;
  constraints?: string;
  stickiness?: number;
  properties?: Readonly<Record<string, string>>;
  /** Where what runs: `Postgresql` → `pg1` → `Promoted`. Without it the CIB has no status. */
  roles?: Readonly<Record<string, Readonly<Record<string, "Started" | "Unpromoted" | "Promoted">>>>;
  /** `Postgresql` → `pg1` → `1000`. */
  scores?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}>;

export function cibXml(shape: CibShape): string {
  const nodes = shape.nodes ?? ["pg1", "pg2", "pg3"];
  const properties = { "stonith-enabled": "false", "no-quorum-policy": "ignore", ...shape.properties };
  return `<cib crm_feature_set="3.0.14" validate-with="pacemaker-2.10" epoch="1" num_updates="0" admin_epoch="0">
  <configuration>
    <crm_config><cluster_property_set id="properties">${Object.entries(properties)
      .map(([name, value]) => `<nvpair id="property-${name}" name="${name}" value="${value}"/>`)
      .join("")}</cluster_property_set></crm_config>
    <nodes>${nodes.map((name, index) => `<node id="${index + 1}" uname="${name}"/>`).join("")}</nodes>
    <resources>${shape.resources}</resources>
    <constraints>${shape.constraints ?? ""}</constraints>
    <rsc_defaults><meta_attributes id="defaults"><nvpair id="defaults-stickiness" name="resource-stickiness" value="${shape.stickiness ?? 0}"/></meta_attributes></rsc_defaults>
  </configuration>
  <status>${shape.roles === undefined ? "" : nodes.map((name, index) => nodeState(shape, name, index + 1)).join("")}</status>
</cib>
`;
}

export function virtualIp(id: string): string {
  return `<primitive id="${id}" class="ocf" provider="heartbeat" type="IPaddr2"><operations><op id="${id}-monitor" name="monitor" interval="2s"/></operations></primitive>`;
}

/** A database with a primary. `master` is how Pacemaker 1.1 wrote it. */
export function database(
  options: Readonly<{ id: string; clone: string; agent?: string; parameters?: string; as?: "clone" | "master" }>,
): string {
  const { id, clone, agent = "pgsql", as = "master" } = options;
  const promotable = as === "master" ? "" : `<nvpair id="${clone}-promotable" name="promotable" value="true"/>`;
  const parameters = options.parameters ?? `<nvpair id="${id}-mode" name="rep_mode" value="sync"/>`;
  return `<${as} id="${clone}"><meta_attributes id="${clone}-meta"><nvpair id="${clone}-notify" name="notify" value="true"/>${promotable}</meta_attributes>
      <primitive id="${id}" class="ocf" provider="heartbeat" type="${agent}"><instance_attributes id="${id}-parameters">${parameters}</instance_attributes><operations>
        <op id="${id}-monitor" name="monitor" interval="2s"/><op id="${id}-monitor-master" name="monitor" role="Master" interval="1s"/>
      </operations></primitive></${as}>`;
}

export function colocation(id: string, score: string | number, dependent: string, other: string): string {
  const [resource, role] = dependent.split(":");
  const [otherResource, otherRole] = other.split(":");
  const roles =
    (role === undefined ? "" : ` rsc-role="${role}"`) +
    (otherRole === undefined ? "" : ` with-rsc-role="${otherRole}"`);
  return `<rsc_colocation id="${id}" score="${score}" rsc="${resource}" with-rsc="${otherResource}"${roles}/>`;
}

/** The cluster of the outage of 2017, its backup VIP on the synchronous standby. */
export function outageOf2017(
  options: Readonly<{ direction: "D1" | "D2"; score: string | number; stickiness: number }>,
): string {
  const [vip, primary] = ["PostgresqlBackupVIP", "msPostgresql:Master"];
  const apart = options.direction === "D1" ? [vip, primary] : [primary, vip];
  return cibXml({
    resources:
      virtualIp("PostgresqlVIP") +
      virtualIp("PostgresqlBackupVIP") +
      database({ id: "Postgresql", clone: "msPostgresql" }),
    constraints: `${colocation("vip-with-master", "INFINITY", "PostgresqlVIP", "msPostgresql:Master")}
      <rsc_order id="promote-first" kind="Mandatory" first="msPostgresql" first-action="promote" then="PostgresqlVIP" then-action="start" symmetrical="false"/>
      <rsc_order id="demote-first" kind="Mandatory" first="msPostgresql" first-action="demote" then="PostgresqlVIP" then-action="stop" symmetrical="false"/>
      ${colocation("backup-vip-not-with-master", options.score, apart[0] as string, apart[1] as string)}`,
    stickiness: options.stickiness,
    roles: {
      PostgresqlVIP: { pg1: "Started" },
      PostgresqlBackupVIP: { pg2: "Started" },
      Postgresql: { pg1: "Promoted", pg2: "Unpromoted", pg3: "Unpromoted" },
    },
    scores: { Postgresql: { pg1: "1000", pg2: "100", pg3: "-INFINITY" } },
  });
}

function nodeState(shape: CibShape, node: string, id: number): string {
  const scores = Object.entries(shape.scores ?? {}).flatMap(([resource, of]) =>
    of[node] === undefined
      ? []
      : [`<nvpair id="status-${id}-master-${resource}" name="master-${resource}" value="${of[node]}"/>`],
  );
  const resources = Object.entries(shape.roles ?? {}).map(([resource, of]) => {
    const type = new RegExp(`id="${resource}" class="ocf" provider="heartbeat" type="(\\w+)"`).exec(
      shape.resources,
    )?.[1];
    const [task, code] =
      of[node] === undefined ? ["monitor", 7] : of[node] === "Promoted" ? ["promote", 0] : ["start", 0];
    return `<lrm_resource id="${resource}" class="ocf" provider="heartbeat" type="${type}"><lrm_rsc_op id="${resource}_last_0" operation_key="${resource}_${task}_0" operation="${task}" transition-key="1:1:${code}:a" transition-magic="0:${code};1:1:${code}:a" call-id="3" rc-code="${code}" op-status="0" interval="0"/></lrm_resource>`;
  });
  return `<node_state id="${id}" uname="${node}" in_ccm="true" crmd="online" join="member" expected="member">
      <transient_attributes id="${id}"><instance_attributes id="status-${id}">${scores.join("")}</instance_attributes></transient_attributes>
      <lrm id="${id}"><lrm_resources>${resources.join("")}</lrm_resources></lrm></node_state>`;
}
