import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BlackstartError } from "../../base/error.ts";
import type { HostResult } from "../host/host.ts";
import { localHost } from "../host/local.ts";
import { type Cib, digestsIn, readCib } from "./cib.ts";
import { type ClusterStatus, placeOf, statusXml } from "./cluster-status.ts";
import { type Decision, decisionOfLog, decisionOfXml } from "./decision.ts";
import { edited } from "./edit.ts";

/**
 * Pacemaker's own scheduler, asked on this machine; no cluster is touched. The contract:
 *
 * - `read` gives a CIB to the scheduler, which checks it and brings it to its own schema, and answers with it and with
 *   what it sees running there; CIB_INVALID where the scheduler rejects it;
 * - `decide` answers for each state where everything is after the one transition that the scheduler would make of it,
 *   all of whose actions succeed. Many states a process, some milliseconds each; where the log of this version is not
 *   understood (`isBatched` of what was read), a process for each;
 * - `transition` asks the same of one state by letting `crm_simulate` carry the transition out: the slow, plain way;
 * - `close` removes what lies in the temporary folder.
 *
 * All throw PACEMAKER_NOT_FOUND where `crm_simulate` is not installed, HOST_COMMAND_FAILED when it hangs, and the
 * signal's reason when that is aborted; nothing is left running.
 */
export interface CrmSimulate {
  /** `2.1.5`: what is found holds for this version. */
  version(): Promise<string>;
  read(text: string, name: string): Promise<Readonly<{ cib: Cib; now: Decision; isBatched: boolean }>>;
  decide(cib: Cib, states: readonly ClusterStatus[]): Promise<readonly Decision[]>;
  transition(cib: Cib, state: ClusterStatus): Promise<Decision>;
  /** The CIB that a cluster in this state would hold, for Pacemaker's other tools. */
  textOf(cib: Cib, state: ClusterStatus): string;
  close(): Promise<void>;
}

const timeoutMs = 120_000;
/** What one process is given at most: its log must fit into what is kept of an output. */
const statesPerProcess = 100;
/** Fewer are not worth a second process: to start one takes as long as to ask for six states. */
const statesPerProcessMin = 16;
const workers = 2;

export async function openCrmSimulate(options: Readonly<{ signal?: AbortSignal | undefined }>): Promise<CrmSimulate> {
  const folder = await mkdtemp(join(tmpdir(), "blackstart-explore-"));
  // A second Ctrl-C ends the process without asking anyone.
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  const run = createRun(options.signal);
  let batches = 0;
  let isBatched = true;
  let schema = "none";
  const batch = async (cib: Cib, states: readonly ClusterStatus[]) => {
    batches += 1;
    return decidePiece(join(folder, `batch-${batches}`), cib, states, run);
  };

  const simulate = async (cib: Cib, state: ClusterStatus) => {
    batches += 1;
    const [input, output] = [join(folder, `state-${batches}.xml`), join(folder, `next-${batches}.xml`)];
    writeFileSync(input, cibText(cib, state));
    const { code, stdout, stderr } = await run("crm_simulate", "-S", "-x", input, "-O", output, "--output-as=xml");
    const decision = code === 0 ? decisionOfXml(stdout, "revised_cluster_status", cib) : undefined;
    if (decision === undefined) throw notUnderstood(stderr);
    const text = await readFile(output, "utf8");
    rmSync(input, { force: true });
    rmSync(output, { force: true });
    return { decision, text };
  };

  return {
    async version() {
      const { stdout } = await run("crm_simulate", "--version");
      return /^Pacemaker (\S+)/.exec(stdout)?.[1] ?? "of an unknown version";
    },

    async read(text, name) {
      const [input, upgraded] = [join(folder, "input.xml"), join(folder, "upgraded.xml")];
      writeFileSync(input, text);
      const { code, stdout, stderr } = await run("crm_simulate", "-x", input, "-I", upgraded, "--output-as=xml");
      if (code !== 0) throw rejected(stderr.replaceAll(input, name), code, text);
      const empty = await run("cibadmin", "--empty");
      const accepted = await readFile(upgraded, "utf8");
      schema = schemaOf(accepted) ?? schema;
      const cib = readCib(withFeatureSetOf(accepted, empty.stdout));
      const now = decisionOfXml(stdout, "cluster_status", cib);
      if (now === undefined) throw notUnderstood(stdout);
      const [cold, state] = [coldStart(cib), coldState(cib)];
      const learned = await simulate(cold, state);
      isBatched = await agrees(learned.decision, () => batch(cold, [state]));
      return { cib: { ...cib, digests: digestsIn(learned.text) }, now, isBatched };
    },

    async decide(cib, states) {
      const pieces = piecesOf(states);
      const answers: (readonly Decision[])[] = [];
      const work = async (): Promise<void> => {
        for (let next = pieces.next(); next.done !== true; next = pieces.next()) {
          const [index, piece] = next.value;
          const decisions: Decision[] = [];
          if (!isBatched) for (const state of piece) decisions.push((await simulate(cib, state)).decision);
          answers[index] = isBatched ? await batch(cib, piece) : decisions;
        }
      };
      await Promise.all(Array.from({ length: workers }, work));
      return answers.flat();
    },

    async transition(cib, state) {
      return (await simulate(cib, state)).decision;
    },

    textOf: (cib, state) => withSchema(cibText(cib, state), schema),

    async close() {
      process.off("exit", remove);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

type Run = (program: "crm_simulate" | "cibadmin", ...args: readonly string[]) => Promise<HostResult>;

function createRun(signal: AbortSignal | undefined): Run {
  const host = localHost();
  return async (program, ...args) => {
    const merged = args.includes("--profile") ? " 2>&1" : "";
    const result = await host.run({ script: `exec ${program} "$@"${merged}`, args, timeoutMs, signal });
    if (result.code === 127) throw notInstalled(program);
    return result;
  };
}

/**
 * The scheduler refuses a feature set newer than its own, and with an old one, or none, it expects the fail counts of old:
 * the states are written for the scheduler that is here.
 */
function withFeatureSetOf(text: string, empty: string): string {
  const set = /crm_feature_set="([^"]*)"/.exec(empty)?.[1];
  if (set === undefined) throw notUnderstood(empty);
  return text.replace(/<cib\b[^>]*>/, (tag) =>
    tag.replace(/ crm_feature_set="[^"]*"/, "").replace("<cib", `<cib crm_feature_set="${set}"`),
  );
}

/** Evenly for the workers, none larger than a process may be given. */
function* piecesOf(
  states: readonly ClusterStatus[],
): Generator<readonly [number, readonly ClusterStatus[]], undefined> {
  const size = Math.min(statesPerProcess, Math.max(statesPerProcessMin, Math.ceil(states.length / workers)));
  for (let from = 0, index = 0; from < states.length; from += size, index += 1)
    yield [index, states.slice(from, from + size)];
}

/**
 * `--profile` schedules every file of a directory, and at this verbosity the log holds each decision; the line that names
 * the file follows what was said of it.
 */
async function decidePiece(
  directory: string,
  cib: Cib,
  states: readonly ClusterStatus[],
  run: Run,
): Promise<readonly Decision[]> {
  mkdirSync(directory);
  states.forEach((state, index) => writeFileSync(join(directory, `s${index}.xml`), cibText(cib, state)));
  const { stdout } = await run("crm_simulate", "--profile", directory, "--repeat", "1", "-VVVV");
  rmSync(directory, { recursive: true, force: true });
  const decisions: Decision[] = [];
  let said: string[] = [];
  for (const line of stdout.split("\n")) {
    const index = /Testing .*s(\d+)\.xml \.\.\. /.exec(line)?.[1];
    const state = index === undefined ? undefined : states[Number(index)];
    if (index === undefined || state === undefined) {
      said.push(line);
      continue;
    }
    const decision = decisionOfLog(said, cib, state);
    if (decision === undefined) throw notUnderstood(said.join("\n"));
    decisions[Number(index)] = decision;
    said = [];
  }
  if (Object.keys(decisions).length !== states.length) throw notUnderstood(stdout);
  return decisions;
}

/** Whether the log says the same as the plain way; a log in other words does not. */
async function agrees(plain: Decision, ask: () => Promise<readonly Decision[]>): Promise<boolean> {
  const textOf = ({ roles }: Decision) => [...roles].map(String).toSorted().join(" ");
  try {
    const [decision] = await ask();
    return decision !== undefined && textOf(decision) === textOf(plain);
  } catch (error) {
    if (error instanceof BlackstartError && error.code === "PACEMAKER_NOT_UNDERSTOOD") return false;
    throw error;
  }
}

/** Nothing runs yet and nothing is in the way: the start of everything shows how each operation is written down. */
function coldStart(cib: Cib): Cib {
  return edited(
    cib,
    cib.constraints.map(({ id }) => ({ kind: "remove", constraint: id })),
  );
}

function coldState(cib: Cib): ClusterStatus {
  const scores = cib.primitives
    .filter(({ promotable }) => promotable)
    .flatMap(({ id }) => cib.nodes.map(({ name }, index) => [placeOf(id, name), String(1000 - index)] as const));
  const online = new Set(cib.nodes.map(({ name }) => name));
  return { online, roles: new Map(), scores: new Map(scores), failed: new Set(), failCounts: new Map() };
}

function cibText(cib: Cib, state: ClusterStatus): string {
  return cib.withStatus({ status: statusXml(cib, state), quorum: hasQuorum(cib, state) });
}

/** More than half; two nodes are taken to be configured as such (`two_node: 1` in corosync.conf), which a CIB does not say. */
function hasQuorum(cib: Cib, { online }: ClusterStatus): boolean {
  return cib.nodes.length <= 2 ? online.size > 0 : online.size * 2 > cib.nodes.length;
}

function schemaOf(text: string): string | undefined {
  return /validate-with="([^"]*)"/.exec(text)?.[1];
}

/** The scheduler is given texts that it need not validate; others do not understand what has no schema. */
function withSchema(text: string, schema: string): string {
  return text.replace(/ validate-with="[^"]*"/, ` validate-with="${schema}"`);
}

function notInstalled(program: string): BlackstartError {
  return new BlackstartError("PACEMAKER_NOT_FOUND", {
    what: `${program} is not installed.`,
    why: "The scheduler that is searched is Pacemaker's own.",
    next: "Install it: `apt-get install pacemaker-cli-utils` (Debian, Ubuntu), `dnf install pacemaker-cli` (Fedora, RHEL).",
  });
}

function rejected(said: string, code: number, text: string): BlackstartError {
  const schema = schemaOf(text) ?? "none";
  const [first = `crm_simulate ended with ${code} and said nothing.`, ...rest] = [...new Set(said.trim().split("\n"))];
  return new BlackstartError("CIB_INVALID", {
    what: "Pacemaker's scheduler rejects the CIB.",
    why: [first, ...rest.slice(0, 2)].join("; "),
    next: `Take it anew with \`cibadmin --query > cib.xml\`; \`crm_verify -V --xml-file FILE\` says more. Its schema is ${schema}: one that is newer than the Pacemaker here needs a newer one installed.`,
  });
}

function notUnderstood(said: string): BlackstartError {
  return new BlackstartError("PACEMAKER_NOT_UNDERSTOOD", {
    what: "crm_simulate's answer was not understood.",
    why: said.trim().split("\n").slice(-3).join("; ").slice(0, 500),
    next: "Say which version it is (`crm_simulate --version`); 2.1 is known to work.",
  });
}
