import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { BlackstartError, messageOf } from "../../../base/error.ts";
import { openCrmSimulate } from "../../../drivers/pacemaker/crm-simulate.ts";
import { cibOfShellText, isShellText } from "../../../drivers/pacemaker/shell-text.ts";
import { explore, type Progress, type Report } from "../../../reproduce/explore/explore.ts";
import { openLab } from "../../../lab/open.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { labsFolder } from "../../system-file.ts";
import { counted } from "../../output/quantities.ts";
import { confirmLive, makeFolder } from "./confirm.ts";
import { exploreLiveCommand, liveClusterOf, type LiveExploreOptions } from "./explore-live.ts";
import { changeText, type Lives, primaryFindsNoRest, reportFindings, reportJson } from "./explore-report.ts";

export type ExploreOptions = LiveExploreOptions & Readonly<{ confirm?: boolean }>;

/** Every fault more multiplies the states; with more than this nobody would wait for the end. */
const faultsLimit = 6;

export async function exploreCommand(context: CommandContext, options: ExploreOptions): Promise<Outcome> {
  const cluster = await liveClusterOf(context, options);
  if (cluster !== undefined) return exploreLiveCommand(context, options, cluster);
  const { out, signal } = context;
  const faultsMax = count(options.faults ?? "3", "--faults", faultsLimit);
  const statesMax = count(options.states ?? "20000", "--states", 1_000_000);
  if (options.confirm && options.out !== undefined) await makeFolder(options.out);
  const { name, given } = await givenBy(context, options);
  const crm = await openCrmSimulate({ signal });
  context.defer(() => crm.close());
  const text = isShellText(given) ? await cibOfShellText(given, name, signal) : given;
  const progress = createProgress((line) => out.progress(line));
  const report = await explore({ crm, text, name, faultsMax, statesMax, signal, progress });

  const lives: Lives = options.confirm ? await confirmLive(context, report, { name, folder: options.out }) : new Map();
  for (const assumed of report.assumed) out.progress(assumed);
  if (report.clusterVersion?.startsWith(report.version) === false)
    out.progress(
      `The cluster runs Pacemaker ${report.clusterVersion}, here is ${report.version}: what follows holds for the latter.`,
    );
  reportFindings(report, lives).forEach((finding, index) => {
    if (index > 0) out.text("");
    out.finding(finding);
  });
  out.text(...summary(report, faultsMax, signal.aborted));
  return {
    exitCode: exitCodeOf(report),
    result: { ...reportJson(report, lives), faultsMax, interrupted: signal.aborted },
  };
}

/** A file, or a lab as it stands now. */
async function givenBy(
  context: CommandContext,
  { cib, lab }: ExploreOptions,
): Promise<{ name: string; given: string }> {
  if (cib !== undefined) return { name: basename(cib), given: await readGiven(cib) };
  if (lab !== undefined)
    return { name: `the lab ${lab}`, given: await (await openLab(lab, labsFolder(context.home))).configuration() };
  throw new BlackstartError("USAGE", {
    what: "There is no configuration to explore.",
    why: "Neither `--cib` nor `--lab` was given.",
    next: "Take it from a node of the cluster: cibadmin --query > cib.xml; then: blackstart reproduce explore --cib cib.xml. Of Patroni: --manager patroni",
  });
}

/** What was not searched to the end has not been shown to be free of what it looks for. */
function exitCodeOf(report: Report): number {
  const isVoid = report.without.some(({ states }) => states[0]?.faults.length === 0);
  if (
    isVoid ||
    primaryFindsNoRest(report) ||
    report.blocked.length > 0 ||
    report.together.some(({ absolute }) => absolute)
  )
    return 1;
  return report.complete ? 0 : 4;
}

function summary(report: Report, faultsMax: number, interrupted: boolean): readonly string[] {
  const { states, asked, seconds, complete, blocked, together } = report;
  const rate = `the scheduler was asked ${counted(asked, "time")} in ${seconds.toFixed(1)} s, ${Math.round(asked / seconds)} states a second`;
  const reach = `${counted(states, "state")} within ${counted(faultsMax, "fault")}; ${rate}.`;
  const lines = [blocked.length + together.length > 0 ? `\n${reach}` : reach];
  if (blocked.length === 0)
    lines.push(
      complete
        ? "In none of them a constraint keeps a primary from being promoted."
        : "So far no constraint keeps a primary from being promoted.",
    );
  if (!complete)
    lines.push(
      interrupted
        ? "Interrupted: what is not listed was not ruled out."
        : "Stopped early: --states was reached. What is not listed was not ruled out.",
    );
  for (const { clone, states: without } of report.without)
    lines.push(`In ${counted(without.length, "state")} ${clone} has no primary because no candidate is left.`);
  if (report.repairedTogether === true && blocked.length > 1)
    lines.push("With the first repair of each made, no state blocks any more.");
  if (report.repairedTogether === false)
    lines.push("With the first repair of each made at once, states still block: apply one, and explore again.");
  return lines;
}

async function readGiven(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new BlackstartError("CIB_INVALID", {
      what: `${file} cannot be read.`,
      why: messageOf(error),
      next: "Take the CIB on a node of the cluster: `cibadmin --query > cib.xml`.",
      cause: error,
    });
  }
}

function count(text: string, option: string, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= max) return value;
  throw new BlackstartError("USAGE", {
    what: `${option} ${text} is not a number from 1 to ${max}.`,
    why: "It says how far to search.",
    next: "See `blackstart reproduce explore --help`.",
  });
}

/** A line every two seconds tells that it lives and how fast. */
const everyMs = 2000;

function createProgress(say: (line: string) => void): (progress: Progress) => void {
  let saidMs = 0;
  return (progress) => {
    const nowMs = performance.now();
    if (progress.kind !== "one-by-one" && nowMs - saidMs < everyMs) return;
    saidMs = nowMs;
    switch (progress.kind) {
      case "searching": {
        const rate = Math.round(progress.asked / progress.seconds);
        say(
          `searching: ${counted(progress.states, "state")} within ${counted(progress.faults, "fault")}, ${rate} a second …`,
        );
        return;
      }
      case "one-by-one":
        say(
          `The log of Pacemaker ${progress.version} is not understood: a process for each state, which takes longer.`,
        );
        return;
      case "repairing":
        say(`looking for a repair: ${changeText(progress.change)} …`);
        return;
    }
  };
}
