import assert from "node:assert/strict";
import { test } from "node:test";
import { clusterState } from "../../../src/lab/pacemaker/state.ts";

/** As Pacemaker 2.1.5 writes it, without what is not looked at. */
const text = `<cib have-quorum="1" dc-uuid="2" admin_epoch="0">
  <configuration><nodes>
    <node id="1" uname="a"><instance_attributes id="x"><nvpair id="x1" name="db-data-status" value="LATEST"/></instance_attributes></node>
    <node id="2" uname="b"/><node id="3" uname="c"/><node id="4" uname="d"/>
  </nodes></configuration>
  <status>
    <node_state id="1" uname="a" in_ccm="true" crmd="online" join="member">
      <transient_attributes id="1"><instance_attributes id="status-1">
        <nvpair id="s1" name="db-status" value="PRI"/><nvpair id="s2" name="master-db" value="1000"/>
      </instance_attributes></transient_attributes>
      <lrm id="1"><lrm_resources>
        <lrm_resource id="db:0">
          <lrm_rsc_op id="o1" operation="monitor" call-id="30" rc-code="8"/>
          <lrm_rsc_op id="o2" operation="stop" call-id="9" rc-code="0"/>
          <lrm_rsc_op id="o3" operation="notify" call-id="40" rc-code="1"/>
        </lrm_resource>
        <lrm_resource id="vip"><lrm_rsc_op id="o4" operation="start" call-id="12" rc-code="0"/></lrm_resource>
        <lrm_resource id="other"><lrm_rsc_op id="o5" operation="stop" call-id="13" rc-code="0"/></lrm_resource>
        <lrm_resource id="probed"><lrm_rsc_op id="o6" operation="monitor" call-id="14" rc-code="7"/></lrm_resource>
      </lrm_resources></lrm>
    </node_state>
    <node_state id="2" uname="b" crmd="online" join="member"/>
    <node_state id="3" uname="c" crmd="offline" join="down">
      <transient_attributes id="3"><instance_attributes id="status-3">
        <nvpair id="s3" name="db-status" value="HS:sync"/>
      </instance_attributes></transient_attributes>
    </node_state>
  </status></cib>`;

test("the state of a cluster: who takes part, the agent's words, and what is active by the last action", () => {
  const nothing = { status: undefined, promotionScore: undefined, known: [], active: [] };
  assert.deepEqual(clusterState(text, "db"), {
    quorum: true,
    coordinator: "b",
    nodes: [
      {
        name: "a",
        online: true,
        status: "PRI",
        promotionScore: "1000",
        known: ["db", "vip", "other", "probed"],
        active: ["db", "vip"],
      },
      { name: "b", online: true, ...nothing },
      // What is remembered of one that is gone is not so any more.
      { name: "c", online: false, ...nothing },
      { name: "d", online: false, ...nothing },
    ],
  });
});

test("a cluster in which nobody decides yet", () => {
  const state = clusterState(text.replace('have-quorum="1" dc-uuid="2"', 'have-quorum="0"'), "db");
  assert.equal(state.quorum, false);
  assert.equal(state.coordinator, undefined);
});
