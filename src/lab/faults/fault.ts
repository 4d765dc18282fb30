import { z } from "zod";
import type { LabRecord, NodeRecord } from "../record.ts";
import type { ProcessTarget, Server } from "./server.ts";

/**
 * Something that breaks, as it breaks in production. One small file each. They differ in what they are done to: processes
 * of a server, a server by SQL (both also outside of a lab, where a node is declared expendable), a lab with all that is
 * around its servers, a cache.
 */
export type Fault = ProcessFault | SqlFault | LabFault | CacheFault;

/** What is told of every fault; the list, the reference page and the refusals are made of it. */
export interface FaultFacts<Parameters = unknown> {
  readonly name: string;
  /** What is then the case, in one sentence. */
  readonly description: string;
  /** How it is undone: by `heal`, or by what recovery. */
  readonly undo: string;
  /** What it needs besides a lab, and is refused without. */
  readonly needs?: string;
  /** Where it is done when nobody says where; undefined: that must be said. */
  readonly on?: string;
  /** A strict object; each of its keys is described. */
  readonly parameters: z.ZodType<Parameters>;
}

export interface ProcessFault<Parameters = unknown> extends FaultFacts<Parameters> {
  readonly kind: "process";
  inject(targets: readonly ProcessTarget[], parameters: Parameters): Promise<Injected>;
  heal?(servers: readonly Server[]): Promise<string>;
}

export interface SqlFault<Parameters = unknown> extends FaultFacts<Parameters> {
  readonly kind: "sql";
  inject(servers: readonly Server[], parameters: Parameters): Promise<Injected>;
  heal?(servers: readonly Server[]): Promise<string>;
}

export interface LabFault<Parameters = unknown> extends FaultFacts<Parameters> {
  readonly kind: "lab";
  inject(lab: LabRecord, nodes: readonly NodeRecord[], parameters: Parameters): Promise<Injected>;
  heal?(lab: LabRecord, nodes: readonly NodeRecord[]): Promise<string>;
}

export interface CacheFault<Parameters = unknown> extends FaultFacts<Parameters> {
  readonly kind: "cache";
  inject(cache: Readonly<{ name: string; url: string }>, parameters: Parameters): Promise<Injected>;
  readonly heal?: never;
}

export type Injected = Readonly<{
  /** In words, what was done. */
  done: string;
  /** Whether it shows. Looks at the world, not at what was done. */
  tookEffect(): Promise<boolean>;
}>;

export const noParameters = z.strictObject({});
