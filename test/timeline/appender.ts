import { writeSync } from "node:fs";
import { openSqliteTimeline } from "../../src/timeline/sqlite/store.ts";

/**
 * A process that appends without end, many writers to several streams at once, until it is killed. Each acknowledged
 * event goes to standard output as `stream version position id`; the first line says that it has begun.
 */
const [file = "", name = "", writers = "8"] = process.argv.slice(2);
const streams = ["shared/a", "shared/b", `own/${name}`];

writeSync(1, "begun\n");
const timeline = await openSqliteTimeline(file);
let count = 0;

async function write(writer: number): Promise<void> {
  for (;;) {
    const stream = streams[(writer + count) % streams.length] ?? "shared/a";
    const id = `${name}-${writer}-${count++}`;
    const [event] = await timeline.append(stream, "any", [{ kind: "test.appended", by: name, data: { id } }]);
    writeSync(1, `${event?.stream} ${event?.version} ${event?.position} ${id}\n`);
  }
}

await Promise.all(Array.from({ length: Number(writers) }, (_, writer) => write(writer)));
