import { messageOf } from "../../base/error.ts";
import { aimedAt, type Conninfo, parseConninfo } from "../../drivers/postgres/conninfo.ts";
import type { Connection } from "../../drivers/postgres/connection.ts";
import type { StepContext } from "../../plan/handler.ts";
import type { MitigationContext } from "../context.ts";
import { nowhere } from "../source.ts";
import { texts, text } from "./parameters.ts";
import { setPrimaryConninfo } from "./primary-conninfo.ts";
import { fencedBy } from "./roles.ts";
import { replicationAddress, sessions } from "./servers.ts";
import { upstreamFor } from "./upstream.ts";

/* The receivers of the candidates of an election are stopped by aiming them at nowhere, and aimed back if it elects nobody. */

/** How each candidate whose receiver was stopped was to stream. */
export type Aimed = Map<string, Conninfo>;

type Place = Readonly<{ cluster: string; node: string; connection: Connection }>;

/** User, password and name stay in the setting: `follow` only puts the new address in. */
export async function aimAtNowhere(
  context: MitigationContext,
  step: StepContext,
  place: Place,
  aimed: Aimed,
): Promise<void> {
  const before = await conninfoOf(place.connection);
  // Where an earlier run stopped it, that is no way back.
  if (!isAtNowhere(before)) aimed.set(place.node, before);
  await setPrimaryConninfo(context, step, place, aimedAt(before, nowhere));
}

/** Nobody was elected: should the last primary be the primary again, its standbys must find it. */
export async function aimBack(context: MitigationContext, step: StepContext, aimed: Aimed): Promise<void> {
  const cluster = text(step, "cluster");
  const back = async (node: string) => {
    let isAway = aimed.has(node);
    try {
      await sessions(context).use(cluster, node, async (connection) => {
        const place = { cluster, node, connection };
        const now = await conninfoOf(connection);
        isAway ||= isAtNowhere(now);
        if (!isAway) return;
        const before = aimed.get(node) ?? (await asBefore(context, step, node, now));
        await step.assertHeld();
        await setPrimaryConninfo(context, step, place, before);
      });
    } catch (error) {
      if (isAway)
        step.progress(
          `${node} streams from nowhere now, and could not be led back (${messageOf(error)}): \`blackstart mitigate rejoin ${cluster}/${node}\`, once there is a primary.`,
        );
    }
  };
  await Promise.all(texts(step, "candidates").map(back));
}

/** How one is to stream that an earlier run aimed at nowhere, and was killed: from the last primary, as its role has it. */
async function asBefore(context: MitigationContext, step: StepContext, node: string, now: Conninfo): Promise<Conninfo> {
  const cluster = text(step, "cluster");
  const old = fencedBy(step);
  if (old === undefined) throw new Error("from where it streamed is not known any more");
  const upstream = await upstreamFor(context, cluster, node, old);
  return aimedAt(now, replicationAddress(context, cluster, upstream, node));
}

async function conninfoOf(connection: Connection): Promise<Conninfo> {
  const [row] = await connection.query<{ conninfo: string }>("select current_setting('primary_conninfo') as conninfo");
  return parseConninfo(row?.conninfo ?? "");
}

function isAtNowhere({ host, port }: Conninfo): boolean {
  return host === nowhere.host && port === String(nowhere.port);
}
