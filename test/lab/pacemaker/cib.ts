/*
 * Small configurations to adapt: three nodes a, b, c; the database `db` in the clone `ms`; the address `vip`.
 */

type Pairs = Readonly<Record<string, string | undefined>>;

export function cib(
  given: Readonly<{
    nodes?: readonly (readonly [string, Pairs?])[];
    resources?: readonly string[];
    constraints?: string;
    options?: Pairs;
  }>,
): string {
  const nodes = given.nodes ?? [["a"], ["b"], ["c"]];
  const resources = given.resources ?? [pgsql(), virtualAddress("vip", "10.0.0.9")];
  return `<cib validate-with="pacemaker-3.7"><configuration>
    <crm_config><cluster_property_set id="options">${pairs("options", given.options ?? {})}</cluster_property_set></crm_config>
    <nodes>${nodes
      .map(
        ([name, attributes], index) =>
          `<node id="${index + 11}" uname="${name}"><instance_attributes id="n${index}">${pairs(`n${index}`, attributes ?? {})}</instance_attributes></node>`,
      )
      .join("")}</nodes>
    <resources>${resources.join("\n")}</resources>
    <constraints>${given.constraints ?? ""}</constraints>
  </configuration><status><node_state uname="a"/></status></cib>`;
}

export function pgsql(given: Pairs = {}): string {
  const parameters: Pairs = { rep_mode: "sync", node_list: "a b c", master_ip: "10.0.0.9", ...given };
  return `<clone id="ms"><meta_attributes id="ms-meta"><nvpair id="ms-promotable" name="promotable" value="true"/></meta_attributes>
    <primitive id="db" class="ocf" provider="heartbeat" type="pgsql">
      <instance_attributes id="db-parameters">${pairs("db", parameters)}</instance_attributes>
    </primitive></clone>`;
}

export function virtualAddress(id: string, ip: string, netmask = "24"): string {
  return `<primitive id="${id}" class="ocf" provider="heartbeat" type="IPaddr2">
    <instance_attributes id="${id}-parameters">${pairs(id, { ip, cidr_netmask: netmask })}</instance_attributes></primitive>`;
}

function pairs(set: string, given: Pairs): string {
  return Object.entries(given)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `<nvpair id="${set}-${name}" name="${name}" value="${escaped(value as string)}"/>`)
    .join("");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}
