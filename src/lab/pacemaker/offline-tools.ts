import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProgram } from "../../drivers/host/run-program.ts";
import { BlackstartError } from "../../base/error.ts";

const timeoutMs = 60_000;

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
