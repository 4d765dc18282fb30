import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pollUntil } from "../../src/base/time.ts";
import { createResponder } from "../../src/respond/responder.ts";
import { cleared, finding, raised, system } from "../respond/world.ts";
import { type Answer, planOf, withApi } from "./api.ts";

const down = finding("node.down", "node:ledger/pg1", { lastGoodAt: "2026-11-20T03:06:59.000Z" });

function assertError({ status, json }: Answer, expected: number, code: string): void {
  assert.equal(status, expected, JSON.stringify(json));
  assert.equal(json.code, code);
  for (const field of ["what", "why", "next"]) assert.ok(json[field]?.length > 0, `${field} is missing`);
}

describe("who may do what", () => {
  it("reads on loopback need no token; what writes does, and the right one", () =>
    withApi(async ({ ask, timeline }) => {
      assert.equal((await ask("GET", "/api/status")).status, 200);
      const body = { person: "ada", title: "x", subject: { kind: "cluster", name: "ledger" } };
      assertError(await ask("POST", "/api/incidents", { body, token: null }), 401, "UNAUTHORIZED");
      assertError(await ask("POST", "/api/incidents", { body, token: "wrong" }), 401, "UNAUTHORIZED");
      assertError(
        await ask("POST", "/api/incidents", { body, token: null, headers: { authorization: "Basic x" } }),
        401,
        "UNAUTHORIZED",
      );
      assert.equal(timeline.events.length, 0);
      assert.equal((await ask("POST", "/api/incidents", { body })).status, 201);
    }));

  it("every address that writes needs the token, whatever it is", () =>
    withApi(async ({ ask }) => {
      const { json } = await ask("GET", "/openapi.json");
      const writing = Object.entries(json.paths as Record<string, object>).filter(([, methods]) => "post" in methods);
      assert.ok(writing.length >= 14, `${writing.length} addresses write`);
      for (const [path] of writing)
        assertError(await ask("POST", path.replace(/\{\w+\}/g, "x"), { body: {}, token: null }), 401, "UNAUTHORIZED");
    }));

  it("off loopback, reading needs the token as well; being alive does not", () =>
    withApi(
      async ({ ask }) => {
        assertError(await ask("GET", "/api/status"), 401, "UNAUTHORIZED");
        assertError(await ask("GET", "/metrics"), 401, "UNAUTHORIZED");
        assertError(await ask("GET", "/api/nothing"), 401, "UNAUTHORIZED");
        assert.equal((await ask("GET", "/healthz")).status, 200);
        assert.equal((await ask("GET", "/api/status", { token: "t".repeat(43) })).status, 200);
        // It is asked by whatever name the network has for it; a page elsewhere has no token.
        const headers = { host: "blackstart.example:7700" };
        assert.equal((await ask("GET", "/api/status", { headers, token: "t".repeat(43) })).status, 200);
        assertError(await ask("GET", "/api/status", { headers }), 401, "UNAUTHORIZED");
      },
      { host: "0.0.0.0" },
    ));

  it("an address that cannot be read is answered like every other error", () =>
    withApi(async ({ ask }) => {
      for (const path of ["/api/%ff", `/api/incidents/${"a".repeat(400)}`])
        assertError(await ask("GET", path), path.includes("%") ? 400 : 414, "USAGE");
    }));

  it("answers only to its own names: a page whose name points here gets nothing", () =>
    withApi(async ({ ask, port }) => {
      for (const host of ["evil.example", `evil.example:${port}`, "127.0.0.1.evil.example", "a@127.0.0.1", " "])
        assertError(await ask("GET", "/api/status", { headers: { host } }), 401, "UNAUTHORIZED");
      for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, "LOCALHOST"])
        assert.equal((await ask("GET", "/api/status", { headers: { host } })).status, 200, host);
    }));
});

describe("errors", () => {
  it("all look the same, with what, why and next", () =>
    withApi(async ({ ask }) => {
      assertError(await ask("GET", "/nowhere"), 404, "UNKNOWN_NAME");
      assertError(await ask("GET", "/api/incidents/none"), 404, "UNKNOWN_NAME");
      assertError(await ask("GET", "/api/plans/none"), 404, "UNKNOWN_NAME");
      assertError(await ask("POST", "/api/plans/none/approve", { body: { person: "ada" } }), 404, "UNKNOWN_NAME");
      assertError(await ask("GET", "/api/events?after=x"), 400, "USAGE");
      assertError(await ask("GET", "/api/events?stream=a&prefix=b"), 400, "USAGE");
      assertError(await ask("POST", "/api/incidents", { raw: "{no json" }), 400, "USAGE");
      assertError(
        await ask("POST", "/api/incidents", { raw: "x", headers: { "content-type": "text/plain" } }),
        415,
        "USAGE",
      );
      assertError(await ask("POST", "/api/incidents", { body: { person: "ada" } }), 400, "USAGE");
      const body = { person: "a\nb", title: "x", subject: { kind: "cluster", name: "ledger" } };
      assertError(await ask("POST", "/api/incidents", { body }), 400, "USAGE");
      assertError(await ask("POST", "/api/incidents", { body: { ...body, title: "x".repeat(70_000) } }), 413, "USAGE");
    }));

  it("a fault of our own says so, without telling its inside, and is told to the log", () =>
    withApi(async ({ ask, timeline, problems }) => {
      timeline.position = async () => {
        throw new TypeError("secret inside");
      };
      const answer = await ask("GET", "/api/status");
      assertError(answer, 500, "INTERNAL");
      assert.doesNotMatch(answer.text, /secret inside/);
      assert.match(problems.join(), /secret inside/);
    }));
});

describe("incidents over HTTP", () => {
  it("go from opened to resolved, one address a verb", () =>
    withApi(async ({ ask, timeline }) => {
      const say = async (path: string, body: object, status = 200) => {
        const answer = await ask("POST", `/api/incidents${path}`, { body: { person: "ada", ...body } });
        assert.equal(answer.status, status, answer.text);
        return answer.json.incident;
      };
      const { id } = await say("", { title: "Slow", subject: { kind: "cluster", name: "ledger" } }, 201);
      await say(`/${id}/acknowledge`, {});
      await say("/latest/note", { text: "I look" });
      await say(`/${id}/assign`, { who: "bob", role: "commander" });
      await say(`/${id}/severity`, { severity: "warning", reason: "few are concerned" });
      await say(`/${id}/hypothesis`, { text: "the disk" });
      await say(`/${id}/hypothesis/support`, { hypothesis: "h1", text: "errors" });
      await say(`/${id}/hypothesis/contradict`, { hypothesis: "h1", text: "no errors" });
      await say(`/${id}/hypothesis/confirm`, { hypothesis: "h1", text: "smartctl" });
      await say(`/${id}/hypothesis/rule-out`, { hypothesis: "h1", text: "another disk" });
      const state = await say(`/${id}/resolve`, { resolution: "replaced" });
      assert.equal(state.status, "resolved");
      assert.ok(timeline.events.every(({ by }) => by === "person:ada"));
      const bob = await ask("POST", `/api/incidents/${id}/acknowledge`, { body: { person: "bob" } });
      assertError(bob, 409, "NOT_POSSIBLE_NOW");

      const shown = (await ask("GET", `/api/incidents/${id}`)).json;
      assert.equal(shown.events.length, timeline.events.length);
      assert.equal(shown.incident.hypotheses[0].state, "ruled-out");
      assert.equal((await ask("GET", "/api/incidents?status=open")).json.incidents.length, 0);
      assert.equal((await ask("GET", "/api/incidents")).json.incidents.length, 1);
      const text = await ask("GET", `/api/incidents/${id}/postmortem`);
      assert.match(text.headers["content-type"] ?? "", /markdown/);
      assert.match(text.text, /^# Postmortem: Slow/);
    }));

  it("the list keeps up with what others append", () =>
    withApi(async ({ ask, timeline }) => {
      const responder = createResponder({ system, timeline });
      await responder.take(raised(down));
      const [before, again] = await Promise.all([ask("GET", "/api/incidents"), ask("GET", "/api/status")]);
      assert.equal(before.json.incidents[0].status, "open");
      assert.equal(again.json.incidents.length, 1);
      await responder.take(cleared(down));
      assert.equal((await ask("GET", "/api/incidents")).json.incidents[0].status, "mitigated");
    }));
});

describe("plans over HTTP", () => {
  const body = { person: "ada", kind: "restart", subject: { kind: "cluster", name: "ledger" } };

  it("are made, approved, carried out in the background, and told in the incident", () =>
    withApi(async ({ ask, timeline, answer }) => {
      await createResponder({ system, timeline }).take(raised(down));
      const incident = (await ask("GET", "/api/incidents/latest")).json.incident.id;
      answer.plan = planOf("restart-1", incident);
      const made = await ask("POST", "/api/plans", { body });
      assert.equal(made.status, 201, made.text);
      assert.equal(made.json.plan.state, "proposed");
      assert.equal((await ask("POST", "/api/plans/restart-1/approve", { body: { person: "ada" } })).status, 202);
      const done = async () =>
        (await ask("GET", "/api/plans/restart-1")).json.plan.state === "done" ? true : undefined;
      assert.ok(await pollUntil(done, { everyMs: 5, timeoutMs: 60_000 }));
      const told = async () => {
        const state = (await ask("GET", "/api/incidents/latest")).json.incident;
        return state.plans[0]?.ended?.outcome === "done" ? true : undefined;
      };
      assert.ok(await pollUntil(told, { everyMs: 5, timeoutMs: 60_000 }));
      assertError(
        await ask("POST", "/api/plans/restart-1/approve", { body: { person: "ada" } }),
        409,
        "NOT_POSSIBLE_NOW",
      );
      assert.equal((await ask("GET", "/api/plans")).json.plans.length, 1);
    }));

  it("are refused with what is missing, how to provide it, and what accepts the risk", () =>
    withApi(async ({ ask, timeline, answer }) => {
      answer.plan = {
        refused: true,
        rule: "fence",
        missing: "pg1 may be alive.",
        provide: "Give it a host.",
        accept: "--x",
      };
      const refused = await ask("POST", "/api/plans", { body });
      assertError(refused, 422, "REFUSED");
      assert.match(refused.json.why, /pg1 may be alive/);
      assert.equal(refused.json.details.accept, "--x");
      assert.equal(timeline.events.length, 0);
    }));

  it("do not start while another works on the same cluster", () =>
    withApi(async ({ ask, timeline }) => {
      await ask("POST", "/api/plans", { body });
      const lease = await timeline.lease("cluster/ledger", 1000);
      assertError(await ask("POST", "/api/plans/restart-1/approve", { body: { person: "ada" } }), 409, "LEASE_HELD");
      await lease?.release();
    }));

  it("can be stopped; what was not begun is put aside, what has ended is not", () =>
    withApi(async ({ ask }) => {
      await ask("POST", "/api/plans", { body });
      const stop = () => ask("POST", "/api/plans/restart-1/stop", { body: { person: "ada", reason: "not now" } });
      const stopped = await stop();
      assert.equal(stopped.status, 202);
      assert.deepEqual(stopped.json.plan.discarded, { by: "person:ada", reason: "not now" });
      assertError(await stop(), 409, "NOT_POSSIBLE_NOW");
    }));

  it("can be put aside, and then not be approved", () =>
    withApi(async ({ ask }) => {
      await ask("POST", "/api/plans", { body });
      const aside = await ask("POST", "/api/plans/restart-1/discard", { body: { person: "ada", reason: "not now" } });
      assert.equal(aside.json.plan.state, "discarded");
      assertError(
        await ask("POST", "/api/plans/restart-1/approve", { body: { person: "ada" } }),
        409,
        "NOT_POSSIBLE_NOW",
      );
    }));
});

describe("the rest", () => {
  it("events are read page by page", () =>
    withApi(async ({ ask, timeline }) => {
      await createResponder({ system, timeline }).take(raised(down));
      const first = (await ask("GET", "/api/events?limit=1")).json;
      assert.equal(first.next, 1);
      assert.equal((await ask("GET", `/api/events?after=${first.next}`)).json.events[0].position, 2);
      assert.equal((await ask("GET", "/api/events?prefix=incident/")).json.events.length, 1);
      assert.equal((await ask("GET", "/api/events?stream=watch/payments")).json.events.length, 1);
    }));

  it("findings are those of the watch", () =>
    withApi(async ({ ask, findings }) => {
      findings.push(down);
      assert.deepEqual((await ask("GET", "/api/findings")).json.findings, [down]);
    }));

  it("/healthz answers 503 when the monitor itself is ill", () =>
    withApi(async ({ ask, health }) => {
      assert.equal((await ask("GET", "/healthz")).status, 200);
      health.now = { healthy: false, checks: [{ name: "store", ok: false, seen: "took a write long ago" }] };
      const ill = await ask("GET", "/healthz");
      assert.equal(ill.status, 503);
      assert.equal(ill.json.checks[0].ok, false);
    }));

  it("/metrics is Prometheus' text, each metric explained once", () =>
    withApi(async ({ ask, timeline, findings }) => {
      findings.push(down);
      await createResponder({ system, timeline }).take(raised(down));
      const { text, headers } = await ask("GET", "/metrics");
      assert.match(headers["content-type"] ?? "", /^text\/plain; version=0\.0\.4/);
      for (const line of text.trimEnd().split("\n"))
        assert.match(line, /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? -?[\d.e+-]+)$/);
      assert.match(text, /^blackstart_incidents\{status="open"\} 1$/m);
      assert.match(text, /^blackstart_findings\{severity="critical"\} 1$/m);
      const types = text.match(/^# TYPE \S+/gm) ?? [];
      assert.equal(new Set(types).size, types.length);
    }));

  it("/openapi.json describes every address", () =>
    withApi(async ({ ask }) => {
      const { json } = await ask("GET", "/openapi.json");
      assert.match(json.openapi, /^3\./);
      for (const path of [
        "/api/status",
        "/api/findings",
        "/api/incidents/{id}",
        "/api/plans/{id}/approve",
        "/api/stream",
      ])
        assert.ok(json.paths[path], path);
    }));
});
