/**
 * The cluster of the outage of October 2017 (`rep_mode=sync`, stickiness 100, monitors every 2 s and 1 s, no fencing) with
 * its two virtual addresses. One thing differs: it is the backup address that avoids the primary, and not the primary
 * that avoids the backup address, so this configuration fails over.
 */
export function defaultConfiguration(nodes: readonly string[]): string {
  return `<cib crm_feature_set="3.1.0" validate-with="pacemaker-3.7" epoch="1" num_updates="0" admin_epoch="0">
  <configuration>
    <crm_config>
      <cluster_property_set id="cib-bootstrap-options">
        ${pair("cib-bootstrap-options", "stonith-enabled", "false")}
        ${pair("cib-bootstrap-options", "no-quorum-policy", "stop")}
      </cluster_property_set>
    </crm_config>
    <nodes>
      ${nodes.map((name, index) => `<node id="${index + 1}" uname="${name}"/>`).join("\n      ")}
    </nodes>
    <resources>
      <clone id="msPostgresql">
        <meta_attributes id="msPostgresql-meta">
          ${pair("msPostgresql-meta", "promotable", "true")}
          ${pair("msPostgresql-meta", "promoted-max", "1")}
          ${pair("msPostgresql-meta", "promoted-node-max", "1")}
          ${pair("msPostgresql-meta", "clone-max", String(nodes.length))}
          ${pair("msPostgresql-meta", "clone-node-max", "1")}
          ${pair("msPostgresql-meta", "notify", "true")}
        </meta_attributes>
        <primitive id="Postgresql" class="ocf" provider="heartbeat" type="pgsql">
          <instance_attributes id="Postgresql-parameters">
            ${pair("Postgresql-parameters", "rep_mode", "sync")}
            ${pair("Postgresql-parameters", "node_list", nodes.join(" "))}
            ${pair("Postgresql-parameters", "master_ip", "10.20.0.100")}
            ${pair("Postgresql-parameters", "repuser", "replicator")}
          </instance_attributes>
          <operations>
            ${operation("Postgresql", "start", 60, 'on-fail="restart"')}
            ${operation("Postgresql", "promote", 60, 'on-fail="restart"')}
            ${operation("Postgresql", "demote", 60, 'on-fail="stop"')}
            ${operation("Postgresql", "stop", 60, 'on-fail="block"')}
            ${operation("Postgresql", "notify", 60)}
            <op id="Postgresql-monitor-2s" name="monitor" interval="2s" timeout="60s" on-fail="restart"/>
            <op id="Postgresql-monitor-1s" name="monitor" interval="1s" timeout="60s" on-fail="restart" role="Promoted"/>
          </operations>
        </primitive>
      </clone>
      ${virtualAddress("PostgresqlVIP", "10.20.0.100")}
      ${virtualAddress("PostgresqlBackupVIP", "10.20.0.101")}
    </resources>
    <constraints>
      <rsc_colocation id="vip-with-primary" score="INFINITY" rsc="PostgresqlVIP" with-rsc="msPostgresql" with-rsc-role="Promoted"/>
      <rsc_colocation id="backup-vip-not-with-primary" score="-INFINITY" rsc="PostgresqlBackupVIP" with-rsc="msPostgresql" with-rsc-role="Promoted"/>
      <rsc_order id="promote-before-vip" kind="Mandatory" symmetrical="false" first="msPostgresql" first-action="promote" then="PostgresqlVIP" then-action="start"/>
      <rsc_order id="demote-before-vip" kind="Optional" symmetrical="false" first="msPostgresql" first-action="demote" then="PostgresqlVIP" then-action="stop"/>
    </constraints>
    <rsc_defaults>
      <meta_attributes id="rsc-options">
        ${pair("rsc-options", "resource-stickiness", "100")}
      </meta_attributes>
    </rsc_defaults>
  </configuration>
  <status/>
</cib>
`;
}

function pair(set: string, name: string, value: string): string {
  return `<nvpair id="${set}-${name}" name="${name}" value="${value}"/>`;
}

function operation(resource: string, name: string, timeoutSeconds: number, more = ""): string {
  return `<op id="${resource}-${name}" name="${name}" interval="0" timeout="${timeoutSeconds}s" ${more}/>`;
}

function virtualAddress(id: string, address: string): string {
  return `<primitive id="${id}" class="ocf" provider="heartbeat" type="IPaddr2">
        <instance_attributes id="${id}-parameters">
          ${pair(`${id}-parameters`, "ip", address)}
          ${pair(`${id}-parameters`, "cidr_netmask", "24")}
        </instance_attributes>
        <operations>
          <op id="${id}-monitor-2s" name="monitor" interval="2s" timeout="20s"/>
        </operations>
      </primitive>`;
}
