import { programs } from "./programs.ts";
import { isCode, matches, type Rule, type Source } from "./source.ts";

type Ban = Readonly<{ pattern: RegExp; message: string; where: (path: string) => boolean }>;

const inSource = (path: string) => path.startsWith("src/");
const inProduct = (path: string) => inSource(path) && !programs.includes(path);
const decides =
  /^src\/(system|finding|plan|watch|respond|mitigate|recover|reproduce|learn|prevent)\/|^src\/timeline\/[^/]+$/;

/** What may not be called where, and what is called instead. */
const bans: readonly Ban[] = [
  {
    pattern: /\bconsole\.\w+\(/g,
    message: "console is for nobody: data goes out through src/cli/output, errors are thrown",
    where: (path) => inSource(path) && !path.startsWith("src/cli/output/"),
  },
  {
    pattern: /\bprocess\.(?:stdout|stderr)\b/g,
    message: "only src/cli and programs of their own write to the terminal; give back what is to be said",
    where: (path) => inProduct(path) && !path.startsWith("src/cli/"),
  },
  {
    pattern: /new Promise(?:<[^<>]*>)?\(\s*\(?\s*(\w+)\s*\)?\s*=>\s*\{?\s*(?:void\s+)?setTimeout\(\s*\1\b/g,
    message: "a bare sleep; wait with `delay` or `pollUntil` of src/base/time.ts, which have a limit and a signal",
    where: (path) => inSource(path) && path !== "src/base/time.ts",
  },
  {
    pattern: /["']node:timers\/promises["']/g,
    message: "a bare sleep; wait with `delay` or `pollUntil` of src/base/time.ts",
    where: inSource,
  },
  {
    // A support file may pace a client by the clock; a test waits for a state.
    pattern: /\bsetTimeout\(\s*\w+\s*,\s*[\d_]+\s*\)/g,
    message: "a test that sleeps a fixed time is slow or unsteady; wait for the state with `pollUntil`",
    where: (path) => path.endsWith(".test.ts"),
  },
  {
    pattern: /\bprocess\.exit\(/g,
    message: "only programs end the process; throw a BlackstartError instead",
    where: inProduct,
  },
  {
    pattern:
      /\{[^{}]*\bexec(?:Sync)?\b[^{}]*\}\s*(?:=\s*(?:await\s+)?(?:import|require)\(|from\s*)["'](?:node:)?child_process["']/g,
    message: "exec builds a shell line from values; use `execFile` or `spawn`, or `Host.run` with arguments",
    where: () => true,
  },
  {
    pattern: /\bDate\.now\(\)|\bnew Date\(\)/g,
    message: "a decision depends on this time; have a Clock of src/base/time.ts injected",
    where: (path) => decides.test(path),
  },
  {
    pattern: /\bMath\.random\(\)/g,
    message: "chance is not told twice; use node:crypto for identifiers, or have it injected",
    // The lab tries ports by chance, so that two of them seldom ask for the same one.
    where: (path) => inSource(path) && !path.startsWith("src/lab/"),
  },
];

export const bannedCalls: Rule = (sources) =>
  sources
    .filter(isCode)
    .flatMap((source: Source) =>
      bans
        .filter(({ where }) => where(source.path))
        .flatMap(({ pattern, message }) => matches(source, pattern, message)),
    );
