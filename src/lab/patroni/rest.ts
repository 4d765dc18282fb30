import type { Opinion, RoleNow } from "../lab.ts";
import type { LabRecord, PatroniRecord } from "../record.ts";

const timeoutMs = 1000;

/** The member whose REST API answers 200 to `/primary`: what HAProxy asks before it lets clients through. */
export async function leaderOf(record: LabRecord, patroni: PatroniRecord): Promise<string | undefined> {
  const answers = await Promise.all(
    record.nodes.map(async ({ name }) => {
      const answer = await ask(patroni.members[name]?.rest, "primary");
      return answer?.status === 200 ? name : undefined;
    }),
  );
  return answers.find((name) => name !== undefined);
}

/** What etcd holds of each member, as the first that answers tells it. */
export async function membersSaid(
  record: LabRecord,
  patroni: PatroniRecord,
): Promise<Readonly<Record<string, Opinion>>> {
  const answers = await Promise.all(record.nodes.map(({ name }) => ask(patroni.members[name]?.restServer, "cluster")));
  const cluster = answers.find((answer) => answer?.status === 200)?.body as Cluster | undefined;
  const leader = cluster?.members?.find(({ role }) => role === "leader");
  return Object.fromEntries(
    (cluster?.members ?? []).map((member) => {
      const { name, role, state, timeline } = member;
      const words = [role, state, ...(timeline === undefined ? [] : [`timeline ${timeline}`])].join(", ");
      return [name, { role: roleOf(member, leader), words }];
    }),
  );
}

/** A replica counts as one when it follows the leader on its timeline. Since version 3.1 its state is “streaming”. */
function roleOf({ role, state, timeline }: Member, leader: Member | undefined): RoleNow {
  if (state === "stopped" || state === "crashed") return "down";
  if (role === "leader") return state === "running" ? "primary" : "silent";
  if (!/^(running|streaming)$/.test(state) || leader === undefined || timeline !== leader.timeline) return "standby";
  return role === "sync_standby" ? "synchronous" : "asynchronous";
}

/** When a member last looked into etcd, in whole seconds since 1970; undefined: it does not answer. */
export async function lastLookOf(restServer: number | undefined): Promise<number | undefined> {
  const answer = await ask(restServer, "patroni");
  return (answer?.body as { dcs_last_seen?: number } | undefined)?.dcs_last_seen;
}

/** Patroni that finds no etcd waits 5 s before it looks again. */
export async function etcdAnswers({ etcd }: PatroniRecord): Promise<true | undefined> {
  return (await ask(etcd.client, "health"))?.status === 200 ? true : undefined;
}

type Member = Readonly<{ name: string; role: string; state: string; timeline?: number }>;
type Cluster = Readonly<{ members?: readonly Member[] }>;

async function ask(port: number | undefined, path: string): Promise<{ status: number; body: unknown } | undefined> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/${path}`, { signal: AbortSignal.timeout(timeoutMs) });
    return { status: answer.status, body: await answer.json() };
  } catch {
    return undefined; // It does not run, is cut off or hangs: it says nothing.
  }
}
