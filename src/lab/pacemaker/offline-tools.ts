import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProgram } from "../../drivers/host/run-program.ts";
import { BlackstartError } from "../../base/error.ts";

const timeoutMs = 60_000;
const schemas = "/usr/share/pacemaker";

/**
 * Turns what `crm configure show` prints into a cluster information base, by crm itself: its language is its own. First
 * in the schema of Pacemaker 1.1, which knows `ms`, `:Master` and `default-resource-stickiness`; what is newer than that
 * (`promotable=true`, `:Promoted`) is understood in the newest schema only.
 */
export async function cibFromCrm(text: string, source: string): Promise<string> {
  const refusals: string[] = [];
  for (const schema of ["pacemaker-1.2", await newestSchema()]) {
    const answer = await inFolder(async (folder) => {
      const cib = join(folder, "cib.xml");
      await writeFile(cib, emptyCib(schema));
      await writeFile(join(folder, "configuration.crm"), text);
      const { code, stdout, stderr } = await run(
        "crm",
        ["-F", "configure", "load", "replace", join(folder, "configuration.crm")],
        cib,
      );
      const said = `${stdout}\n${stderr}`.split("\n").filter((line) => /\bERROR\b/.test(line));
      if (code !== 0 || said.length > 0) return void refusals.push(said[0] ?? `crm ended with ${code}.`);
      return readFile(cib, "utf8");
    });
    if (answer !== undefined) return answer;
  }
  throw new BlackstartError("USAGE", {
    what: `${source} is no configuration that crm understands.`,
    // biome-ignore lint/suspicious/noControlCharactersInRegex: crm colours its words even where nobody sees them
    why: (refusals[0] ?? "").replace(/\u001b\[\d*m/g, "").replaceAll(/\/\S*\/configuration\.crm/g, source),
    next: "Give what `crm configure show` prints; or the output of `cibadmin --query`, with --cib.",
  });
}

/** The same configuration in the newest schema, by Pacemaker's own stylesheets; unchanged where it is the newest. */
export async function upgradedCib(text: string): Promise<string> {
  return inFolder(async (folder) => {
    const cib = join(folder, "cib.xml");
    await writeFile(cib, text);
    const { code, stderr } = await run("cibadmin", ["--upgrade", "--force"], cib);
    if (code === 0) return readFile(cib, "utf8");
    throw new BlackstartError("USAGE", {
      what: "This Pacemaker does not accept the configuration.",
      why: stderr.trim().split("\n").at(-1) || `cibadmin --upgrade ended with ${code}.`,
      next: "See what `crm_verify --verbose --xml-file FILE` says.",
    });
  });
}

/** Throws what Pacemaker itself finds wrong with a configuration before it would run it. */
export async function assertVerified(text: string, source: string): Promise<void> {
  const { code, stderr } = await inFolder(async (folder) => {
    const cib = join(folder, "cib.xml");
    await writeFile(cib, text);
    return run("crm_verify", ["--verbose", "--xml-file", cib], cib);
  });
  if (code === 0) return;
  const errors = stderr.split("\n").filter((line) => /error/i.test(line));
  throw new BlackstartError("USAGE", {
    what: `Pacemaker would not run ${source}, as it is for a lab.`,
    why: errors[0]?.replaceAll(/\S*\/cib\.xml/g, source).trim() || `crm_verify ended with ${code}.`,
    next: "See what `crm_verify --verbose --xml-file FILE` says of it.",
  });
}

function emptyCib(schema: string): string {
  return `<cib validate-with="${schema}" crm_feature_set="3.0.9" admin_epoch="0" epoch="0" num_updates="0"><configuration><crm_config/><nodes/><resources/><constraints/></configuration><status/></cib>\n`;
}

/** By number: pacemaker-3.10 is newer than pacemaker-3.9. */
async function newestSchema(): Promise<string> {
  const names = (await readdir(schemas)).map((name) => /^(pacemaker-\d+\.\d+)\.rng$/.exec(name)?.[1]);
  return names
    .filter((name) => name !== undefined)
    .toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }))
    .at(-1) as string;
}

function run(program: string, args: readonly string[], cib: string) {
  const environment = {
    ...process.env,
    CIB_file: cib,
    PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin`,
    TERM: "dumb",
  };
  return runProgram({ program, args, input: "", timeoutMs, environment, where: "this machine" });
}

async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "blackstart-cib-"));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
