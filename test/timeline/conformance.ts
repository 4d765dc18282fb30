import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { ErrorCode } from "../../src/base/catalogue.ts";
import { BlackstartError } from "../../src/base/error.ts";
import type { Json } from "../../src/base/json.ts";
import { pollUntil } from "../../src/base/time.ts";
import type { Event, ExpectedVersion, NewEvent, Timeline } from "../../src/timeline/timeline.ts";

/** One empty store, opened. */
export type Store = Readonly<{
  timeline: Timeline;
  /** Another handle on the same store, as another process would have. */
  reopen(): Promise<Timeline>;
  /** Closes every handle and removes the store. */
  close(): Promise<void>;
}>;

/** The contract of `Timeline`, held against one implementation. */
export function conformance(name: string, open: () => Promise<Store>): void {
  const withStore = storeFrom(open);
  describe(`timeline: ${name}`, () => {
    appending(withStore);
    reading(withStore);
    subscribing(withStore);
    leasing(withStore);
    property(withStore);
  });
}

/**
 * The part of it that speaks of clocks.
 * @param stepClock steps the wall clock of every handle, back with a negative number
 */
export function clockConformance(name: string, open: () => Promise<Store>, stepClock: (ms: number) => void): void {
  const withStore = storeFrom(open);
  describe(`timeline, under a wall clock that steps: ${name}`, () => leasingWhileTheClockSteps(withStore, stepClock));
}

function storeFrom(open: () => Promise<Store>): WithStore {
  return (use) => async () => {
    const store = await open();
    try {
      await use(store);
    } finally {
      await store.close();
    }
  };
}

type WithStore = (use: (store: Store) => Promise<void>) => () => Promise<void>;

function appending(withStore: WithStore): void {
  test(
    "an event comes back as it went in, also from another handle",
    withStore(async ({ timeline, reopen }) => {
      const data = { text: 'ä\u0000\u{1f600}"', list: [1, -2.5e-7, null, true, { deep: [] }], "": "", __proto: 0 };
      const at = "2026-11-20T03:07:12.345Z";
      const [event] = await timeline.append("incident/a", 0, [{ kind: "incident.noted", by: "person:ada", data, at }]);
      const expected = {
        stream: "incident/a",
        version: 1,
        position: event?.position,
        at,
        by: "person:ada",
        kind: "incident.noted",
        data,
      };
      assert.deepEqual(event, expected);
      assert.deepEqual(await timeline.read(), [expected]);
      assert.deepEqual(await (await reopen()).read(), [expected]);
    }),
  );

  test(
    "versions count within the stream, positions grow over all",
    withStore(async ({ timeline }) => {
      const stored = [
        ...(await timeline.append("a", 0, [event("1"), event("2")])),
        ...(await timeline.append("b", 0, [event("3")])),
        ...(await timeline.append("a", 2, [event("4")])),
        ...(await timeline.append("b", "any", [event("5")])),
      ];
      assert.deepEqual(
        stored.map(({ stream, version }) => `${stream}${version}`),
        ["a1", "a2", "b1", "a3", "b2"],
      );
      assertGrowing(stored.map(({ position }) => position));
      assert.equal(await timeline.position(), stored.at(-1)?.position);
    }),
  );

  test(
    "a stale version is a conflict and writes nothing",
    withStore(async ({ timeline }) => {
      await timeline.append("a", 0, [event("1")]);
      for (const stale of [0, 2, 7]) {
        const error = await fails("VERSION_CONFLICT", timeline.append("a", stale, [event("x"), event("y")]));
        assert.equal(error.details.actual, 1);
      }
      assert.equal((await timeline.read()).length, 1);
    }),
  );

  test(
    "of many that append at the same version, one wins",
    withStore(async ({ timeline, reopen }) => {
      const handles = [timeline, await reopen()];
      const tries = Array.from({ length: 40 }, (_, index) =>
        handles[index % 2]?.append("a", 0, [event(String(index))]),
      );
      const settled = await Promise.allSettled(tries);
      const lost = settled.filter((one) => one.status === "rejected");
      assert.equal(lost.length, 39);
      for (const one of lost) assert.equal(one.reason.code, "VERSION_CONFLICT");
      assert.equal((await timeline.read({ stream: "a" })).length, 1);
    }),
  );

  test(
    "a conflict does not disturb what is appended at the same time",
    withStore(async ({ timeline }) => {
      await timeline.append("taken", 0, [event("1")]);
      const settled = await Promise.allSettled([
        timeline.append("a", 0, [event("1")]),
        timeline.append("taken", 0, [event("x")]),
        timeline.append("a", 1, [event("2"), event("3")]),
        timeline.append("b", 0, [event("4")]),
      ]);
      assert.deepEqual(
        settled.map(({ status }) => status),
        ["fulfilled", "rejected", "fulfilled", "fulfilled"],
      );
      assert.equal((await timeline.read()).length, 5);
    }),
  );

  test(
    "what is not JSON, or too large, is refused before it is written",
    withStore(async ({ timeline }) => {
      const cycle: Record<string, unknown> = {};
      cycle.self = cycle;
      const wrong: unknown[] = [
        undefined,
        NaN,
        Infinity,
        1n,
        () => 1,
        new Date(),
        new Map(),
        { a: undefined },
        [Symbol()],
        cycle,
      ];
      for (const data of [...wrong, { big: "x".repeat(1024 * 1024) }]) {
        await fails("USAGE", timeline.append("a", 0, [event("good"), { kind: "a.b", by: "test", data: data as Json }]));
      }
      await fails("USAGE", timeline.append("a", 0, []));
      await fails("USAGE", timeline.append("", 0, [event("1")]));
      await fails("USAGE", timeline.append("a", 0, [{ ...event("1"), at: "yesterday" }]));
      assert.equal(await timeline.position(), 0);
      await timeline.append("a", 0, [event("x".repeat(1024 * 1024 - 100))]);
    }),
  );

  test(
    "data that the caller changes afterwards stays as it was stored",
    withStore(async ({ timeline }) => {
      const data = { list: [1] };
      const [stored] = await timeline.append("a", 0, [{ kind: "a.b", by: "test", data }]);
      data.list.push(2);
      assert.deepEqual([stored?.data, (await timeline.read())[0]?.data], [{ list: [1] }, { list: [1] }]);
    }),
  );
}

function reading(withStore: WithStore): void {
  test(
    "read answers a stream, a prefix or all, after a position, up to a limit",
    withStore(async ({ timeline }) => {
      for (const stream of ["plan/b", "incident/1", "plan/a", "plan/b", "plans", "plan", "incident/2", "plan/a"]) {
        await timeline.append(stream, "any", [event(stream)]);
      }
      const all = await timeline.read();
      const streams = async (query: Parameters<Timeline["read"]>[0]) =>
        (await timeline.read(query)).map((one) => one.stream);
      assert.equal(all.length, 8);
      assert.deepEqual(await streams({ stream: "plan/b" }), ["plan/b", "plan/b"]);
      assert.deepEqual(await streams({ prefix: "plan/" }), ["plan/b", "plan/a", "plan/b", "plan/a"]);
      assert.deepEqual(await streams({ prefix: "plan/", limit: 3 }), ["plan/b", "plan/a", "plan/b"]);
      assert.deepEqual(await streams({ prefix: "plan/", after: all[0]?.position ?? 0 }), [
        "plan/a",
        "plan/b",
        "plan/a",
      ]);
      assert.deepEqual(await streams({ stream: "plan/b", after: all[0]?.position ?? 0 }), ["plan/b"]);
      assert.deepEqual(await streams({ after: all[5]?.position ?? 0 }), ["incident/2", "plan/a"]);
      assert.deepEqual(await streams({ stream: "none" }), []);
      assert.deepEqual(await timeline.streams("plan"), ["plan/b", "plan/a", "plans", "plan"]);
      assert.deepEqual(await timeline.streams("incident/"), ["incident/1", "incident/2"]);
      assert.deepEqual(await timeline.streams("%"), []);
    }),
  );

  test(
    "a long read is whole and in order",
    withStore(async ({ timeline }) => {
      await Promise.all(
        Array.from({ length: 50 }, (_, n) => timeline.append(`s/${n % 7}`, "any", Array(60).fill(event("x")))),
      );
      const all = await timeline.read();
      assert.equal(all.length, 3000);
      assertGrowing(all.map(({ position }) => position));
      assert.deepEqual(await timeline.read({ prefix: "s/" }), all);
      assert.equal((await timeline.read({ limit: 2500 })).length, 2500);
    }),
  );
}

function subscribing(withStore: WithStore): void {
  test(
    "a subscription yields the past, then what comes, also from another handle, once each",
    withStore(async ({ timeline, reopen }) => {
      const other = await reopen();
      await timeline.append("a", 0, [event("1"), event("2"), event("3")]);
      const first = (await timeline.read())[0]?.position ?? 0;
      const seen = collect(timeline, first);
      const late = collect(other, 0);
      await Promise.all(
        Array.from({ length: 30 }, (_, n) => (n % 2 ? other : timeline).append("a", "any", [event(String(n))])),
      );
      await reaches(() => seen.events.length, 32);
      await reaches(() => late.events.length, 33);
      await timeline.append("b", 0, [event("after a pause")]);
      await reaches(() => seen.events.length, 33);
      await reaches(() => late.events.length, 34);
      assert.deepEqual(late.events, await timeline.read());
      assert.deepEqual(seen.events, (await timeline.read()).slice(1));
      await Promise.all([seen.end(), late.end()]);
    }),
  );

  test(
    "an aborted subscription ends, whether it waits or not; a closed timeline ends all",
    withStore(async ({ timeline }) => {
      const seen = collect(timeline, 0);
      await seen.end();
      for await (const _ of timeline.subscribe(0, AbortSignal.abort())) assert.fail("nothing was appended");
      await timeline.append("a", 0, [event("1"), event("2")]);
      const controller = new AbortController();
      for await (const one of timeline.subscribe(0, controller.signal)) {
        assert.equal(one.version, 1, "nothing may follow the abort");
        controller.abort();
      }
      const untilClosed = collect(timeline, 0);
      await reaches(() => untilClosed.events.length, 2);
      await timeline.close();
      await untilClosed.ended;
    }),
  );
}

function leasing(withStore: WithStore): void {
  test(
    "one holder at a time; the token grows with every grant",
    withStore(async ({ timeline, reopen }) => {
      const other = await reopen();
      const lease = await timeline.lease("cluster/ledger", 60_000);
      assert.ok(lease);
      assert.equal(await other.lease("cluster/ledger", 60_000), undefined);
      assert.equal(await timeline.lease("cluster/ledger", 60_000), undefined);
      const state = await other.leaseState("cluster/ledger");
      assert.deepEqual([state?.held, state?.token, state?.holder], [true, lease.token, lease.holder]);
      await lease.renew();
      await lease.release();
      await lease.release();
      assert.equal((await other.leaseState("cluster/ledger"))?.held, false);
      const next = await other.lease("cluster/ledger", 60_000);
      assert.ok(next && next.token > lease.token);
      await fails("LEASE_LOST", lease.renew());
      await lease.release();
      assert.equal((await timeline.leaseState("cluster/ledger"))?.held, true, "an old holder cannot give it back");
      assert.equal(await timeline.leaseState("cluster/other"), undefined);
    }),
  );

  test(
    "of many that ask at once, one gets it",
    withStore(async ({ timeline, reopen }) => {
      const handles = [timeline, await reopen()];
      const asked = await Promise.all(Array.from({ length: 20 }, (_, n) => handles[n % 2]?.lease("x", 60_000)));
      assert.equal(asked.filter((lease) => lease !== undefined).length, 1);
    }),
  );

  test(
    "a lease runs out, and is then lost for its holder",
    withStore(async ({ timeline }) => {
      const lease = await timeline.lease("x", 1);
      assert.ok(lease);
      const next = await pollUntil(() => timeline.lease("x", 60_000), { everyMs: 2, timeoutMs: 60_000 });
      assert.ok(next && next.token > lease.token);
      await fails("LEASE_LOST", lease.renew());
      await fails("LEASE_LOST", timeline.append("a", 0, [event("1")], lease));
      await timeline.append("a", 0, [event("1")], next);
      await next.release();
      await fails("LEASE_LOST", timeline.append("a", 1, [event("2")], next));
      assert.equal((await timeline.read()).length, 1);
    }),
  );
}

/** Steps of the wall clock, in milliseconds: what NTP corrects, a wrong time zone, a battery that was empty. */
const clockSteps = [10_500, -10_500, 5 * 3_600_000, -5 * 3_600_000, -20 * 365 * 86_400_000];

function leasingWhileTheClockSteps(withStore: WithStore, stepClock: (ms: number) => void): void {
  for (const step of clockSteps) {
    test(
      `a step of the wall clock by ${step} ms neither ends a lease nor prolongs one`,
      withStore(async ({ timeline, reopen }) => {
        const other = await reopen();
        const live = await timeline.lease("live", 10_000);
        const brief = await timeline.lease("brief", 40);
        assert.ok(live && brief);
        stepClock(step);
        try {
          assert.equal((await other.leaseState("live"))?.held, true);
          assert.equal(await other.lease("live", 10_000), undefined);
          await live.renew();
          await timeline.append("a", "any", [event("under it")], live);
          const next = await pollUntil(() => other.lease("brief", 60_000), { everyMs: 5, timeoutMs: 60_000 });
          assert.ok(next && next.token > brief.token, "one that nobody renews ends in its time");
          await fails("LEASE_LOST", brief.renew());
        } finally {
          stepClock(-step);
        }
        assert.equal((await other.leaseState("live"))?.held, true);
      }),
    );
  }
}

/** Random appends, some at the right version, some stale, several at once; the model is a list a stream. */
function property(withStore: WithStore): void {
  const append = fc.record({
    stream: fc.constantFrom("a", "b", "c/1", "c/2"),
    expected: fc.oneof(fc.constant<"any" | "right">("any"), fc.constant<"any" | "right">("right"), fc.nat(6)),
    data: fc.array(fc.jsonValue({ noUnicodeString: false }), { minLength: 1, maxLength: 3 }),
    handle: fc.nat(1),
  });
  const rounds = fc.array(fc.array(append, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 8 });
  test("random interleavings agree with a model", async () => {
    await fc.assert(
      fc.asyncProperty(rounds, async (plan) => {
        await withStore(async ({ timeline, reopen }) => {
          const handles = [timeline, await reopen()] as const;
          const seen = collect(handles[1], 0);
          const acknowledged: Event[] = [];
          for (const round of plan) acknowledged.push(...(await playRound(handles, acknowledged, round)));
          acknowledged.sort((left, right) => left.position - right.position);
          const stored = await timeline.read();
          assert.deepEqual(stored, acknowledged);
          assertNoGap(stored);
          await reaches(() => seen.events.length, stored.length);
          assert.deepEqual(seen.events, stored);
          await seen.end();
        })();
      }),
      { numRuns: 25 },
    );
  });
}

type RandomAppend = { stream: string; expected: "any" | "right" | number; data: unknown[]; handle: number };

async function playRound(
  handles: readonly [Timeline, Timeline],
  before: readonly Event[],
  round: readonly RandomAppend[],
) {
  const head = (stream: string) => before.filter((one) => one.stream === stream).length;
  const asked = round.map(({ stream, expected, data, handle }) => {
    const version: ExpectedVersion = expected === "right" ? head(stream) : expected;
    const events = data.map((one) => ({ kind: "a.b", by: "test", data: JSON.parse(JSON.stringify(one)) as Json }));
    return { stream, version, answer: (handles[handle] as Timeline).append(stream, version, events) };
  });
  const answers = await Promise.allSettled(asked.map(({ answer }) => answer));
  const stored: Event[] = [];
  for (const [index, { stream, version }] of asked.entries()) {
    const answer = answers[index];
    if (answer?.status === "fulfilled") {
      if (version !== "any") assert.equal(answer.value[0]?.version, version + 1);
      stored.push(...answer.value);
    } else {
      assert.equal(answer?.reason.code, "VERSION_CONFLICT", String(answer?.reason));
      const alone = asked.filter((one) => one.stream === stream).length === 1;
      if (alone) assert.notEqual(version, head(stream), "refused although it was right");
    }
  }
  return stored;
}

export function event(text: string): NewEvent {
  return { kind: "test.happened", by: "test", data: { text } };
}

/** No stream has a gap or a double, and positions grow. */
export function assertNoGap(events: readonly Event[]): void {
  const heads = new Map<string, number>();
  for (const { stream, version, position } of events) {
    assert.equal(version, (heads.get(stream) ?? 0) + 1, `the stream ${stream} at position ${position}`);
    heads.set(stream, version);
  }
  assertGrowing(events.map(({ position }) => position));
}

function assertGrowing(positions: readonly number[]): void {
  for (const [index, position] of positions.entries()) {
    assert.ok(
      index === 0 || position > (positions[index - 1] ?? 0),
      `position ${position} after ${positions[index - 1]}`,
    );
  }
}

/** Follows a subscription in the background. */
export function collect(timeline: Timeline, after: number) {
  const events: Event[] = [];
  const controller = new AbortController();
  const ended = (async () => {
    for await (const one of timeline.subscribe(after, controller.signal)) events.push(one);
  })();
  const end = (): Promise<void> => {
    controller.abort();
    return ended;
  };
  return { events, ended, end };
}

/** Waits until the count is reached; more than it is an error. */
export async function reaches(count: () => number, wanted: number): Promise<void> {
  await pollUntil(async () => (count() >= wanted ? true : undefined), { everyMs: 2, timeoutMs: 60_000 });
  assert.equal(count(), wanted);
}

export async function fails(code: ErrorCode, work: Promise<unknown>): Promise<BlackstartError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof BlackstartError, `a BlackstartError was expected, not ${error}`);
    assert.equal(error.code, code);
    return error;
  }
  assert.fail(`${code} was expected`);
}
