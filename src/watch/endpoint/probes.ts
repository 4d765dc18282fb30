import { socketAddressOf } from "../../drivers/service/address.ts";
import { httpProbe } from "../../drivers/service/http.ts";
import type { Probe } from "../../drivers/service/probe.ts";
import { redisProbe } from "../../drivers/service/redis.ts";
import { tcpProbe } from "../../drivers/service/tcp.ts";
import type { System } from "../../system/schema.ts";

export type Endpoint = Readonly<{ name: string; probe: Probe }>;

/** The services that say how they are to be probed. */
export function serviceEndpoints(system: System): readonly Endpoint[] {
  return Object.entries(system.services).flatMap(([name, { probe }]) =>
    probe === undefined
      ? []
      : [{ name, probe: probe.startsWith("tcp:") ? tcpProbe(socketAddressOf(probe)) : httpProbe(probe) }],
  );
}

export function cacheEndpoints(system: System): readonly Endpoint[] {
  return Object.entries(system.caches).map(([name, cache]) => ({ name, probe: redisProbe(cache.redis) }));
}

/** How long a service or a cache may take to answer, and how often it is asked, in milliseconds. */
export const endpointTimeoutMs = 2000;
export const endpointEveryMs = 1000;
