import type { Lab } from "../../lab/lab.ts";
import type { TrialSpec } from "../scenario/configuration.ts";
import type { Clients } from "./clients.ts";
import type { Settled } from "./rest.ts";
import type { TrialResult } from "./result.ts";

/** What a trial is carried out with. Composed by the one who starts it: a trial knows no manager and no automation. */
export type Means = Readonly<{
  /** Where the scenario's file lies: its programs may lie there too. */
  scenarioFolder: string;
  /** Makes the cluster of a trial. */
  makeLab(spec: TrialSpec, signal: AbortSignal): Promise<Lab>;
  /** Lets Blackstart act in the lab by itself; for scenarios with `automation: blackstart`. */
  automate(lab: Lab): Promise<Automation>;
  /** Keeps the logs of a trial that ended so; answers where, or undefined when enough are kept. */
  keepLogs(lab: Lab, ended: Pick<TrialResult, "configuration" | "outcome">): Promise<string | undefined>;
}>;

/** Who acts by himself besides the manager. */
export interface Automation {
  /** Whether it is in the middle of something. */
  isBusy(): Promise<boolean>;
  /** What it said last of why it does not act; undefined: nothing. */
  said(): Promise<string | undefined>;
  close(): Promise<void>;
}

/** A trial while it runs. */
export type World = Readonly<{
  lab: Lab;
  clients: Clients;
  automation: Automation | undefined;
  /** For the programs and commands of the scenario. */
  environment: Readonly<Record<string, string>>;
  /** What ends with the trial is put here. */
  begun: AsyncDisposableStack;
  signal: AbortSignal;
  /** Records how the cluster was between two actions, where that was waited for. */
  rested(settled: Settled): void;
  /** Records what happened. */
  say(what: string): void;
}>;
