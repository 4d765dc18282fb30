import type { IncidentState } from "../timeline/incident-fold.ts";
import type { ServerParts } from "./parts.ts";

type Sample = Readonly<{ labels?: Readonly<Record<string, string>>; value: number }>;
type Metric = Readonly<{ name: string; type: "gauge" | "counter"; help: string; samples: readonly Sample[] }>;

/** Prometheus' text format, version 0.0.4. Names as its own guide has them: base units, `_total` for what only grows. */
export function metricsText(metrics: readonly Metric[]): string {
  return `${metrics.flatMap(metricLines).join("\n")}\n`;
}

export function metricsOf(
  parts: Pick<ServerParts, "watcher" | "health" | "version">,
  facts: { incidents: readonly IncidentState[]; position: number; streams: number },
): readonly Metric[] {
  const nodes = parts.watcher.nodes();
  const perNode = (name: string, help: string, value: (node: (typeof nodes)[number]) => number | null): Metric => ({
    name,
    type: "gauge",
    help,
    samples: nodes.flatMap((node) => {
      const is = value(node);
      return is === null ? [] : [{ labels: { cluster: node.cluster, node: node.node }, value: is }];
    }),
  });
  const count = <T>(all: readonly T[], label: string, of: (one: T) => string, names: readonly string[]): Sample[] =>
    names.map((name) => ({ labels: { [label]: name }, value: all.filter((one) => of(one) === name).length }));
  const { user, system } = process.cpuUsage();
  const gauge = (name: string, help: string, samples: readonly Sample[]): Metric => ({
    name,
    type: "gauge",
    help,
    samples,
  });
  return [
    gauge("blackstart_build_info", "Which version runs.", [{ labels: { version: parts.version }, value: 1 }]),
    gauge("blackstart_healthy", "1 while the monitor itself is well.", [{ value: Number(parts.health().healthy) }]),
    gauge(
      "blackstart_findings",
      "What is wrong now.",
      count(parts.watcher.findings(), "severity", ({ severity }) => severity, ["critical", "warning", "info"]),
    ),
    gauge(
      "blackstart_incidents",
      "Incidents by what has become of them.",
      count(facts.incidents, "status", ({ status }) => status, ["open", "mitigated", "resolved"]),
    ),
    perNode("blackstart_node_up", "1 while the node answers.", ({ condition }) => Number(condition === "up")),
    perNode("blackstart_node_primary", "1 where the node is a primary.", ({ role }) =>
      role === null ? null : Number(role === "primary"),
    ),
    perNode("blackstart_node_latency_seconds", "How long its last answer took.", ({ latencyMs }) => seconds(latencyMs)),
    perNode("blackstart_node_replay_delay_seconds", "How old a standby's data is.", ({ replayDelayMs }) =>
      seconds(replayDelayMs),
    ),
    perNode("blackstart_node_last_good_age_seconds", "How long ago it was last seen well.", ({ lastGoodAgeMs }) =>
      seconds(lastGoodAgeMs),
    ),
    {
      name: "blackstart_timeline_events_total",
      type: "counter",
      help: "Events in the timeline.",
      samples: [{ value: facts.position }],
    },
    gauge("blackstart_stream_readers", "Who follows the live stream.", [{ value: facts.streams }]),
    gauge("process_resident_memory_bytes", "Resident memory size in bytes.", [{ value: process.memoryUsage.rss() }]),
    {
      name: "process_cpu_seconds_total",
      type: "counter",
      help: "Total user and system CPU time spent in seconds.",
      samples: [{ value: (user + system) / 1e6 }],
    },
  ];
}

function metricLines({ name, type, help, samples }: Metric): readonly string[] {
  if (samples.length === 0) return [];
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...samples.map(({ labels, value }) => `${name}${labelText(labels)} ${value}`),
  ];
}

function labelText(labels: Sample["labels"]): string {
  if (labels === undefined) return "";
  const escaped = (text: string) => text.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
  return `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(",")}}`;
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : ms / 1000;
}
