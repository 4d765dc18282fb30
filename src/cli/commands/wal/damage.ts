import { type DamagedFile, damageFile } from "../../../wal/damage/damage-file.ts";
import { lsnTextOf } from "../../../wal/format.ts";
import type { Outcome } from "../../command.ts";
import type { CommandContext } from "../../context.ts";
import { wrapped } from "../../output/layout.ts";
import { counted } from "../../output/quantities.ts";
import { lsnOption } from "./options.ts";

export type DamageOptions = Readonly<{
  lsn: string;
  field: string;
  value?: string;
  out?: string;
  acceptRunning?: true;
}>;

export async function damageCommand({ out }: CommandContext, options: DamageOptions, file: string): Promise<Outcome> {
  const done = await damageFile({
    file,
    record: lsnOption("--lsn", options.lsn) as number,
    field: options.field,
    ...(options.value === undefined ? {} : { value: options.value }),
    ...(options.out === undefined ? {} : { out: options.out }),
    acceptRunning: options.acceptRunning === true,
  });
  const { damage, verdict, version, written, original } = done;
  out.text(
    `${damage.field} of ${lsnTextOf(damage.lsn)} (${damage.title}) was ${damage.before}, is ${out.style.red(damage.after)}`,
    `  damaged:  ${written}`,
    `  original: ${original}`,
    "",
    ...consequences(done).flatMap(([label, text]) => wrapped(text, out.layout.width, `  ${label.padEnd(18)}`)),
  );
  const { changes, ...said } = damage;
  return {
    result: {
      ...said,
      lsn: lsnTextOf(damage.lsn),
      offsets: changes.map(({ at }) => at),
      written,
      original,
      version,
      stopsAt: verdict.stops === undefined ? null : lsnTextOf(verdict.stops.lsn),
      says: verdict.stops?.says ?? null,
      commitsLost: verdict.commitsLost,
    },
  };
}

/** Seen on 15 and 18: `test/wal/damage/server.test.ts` asks real servers. */
function consequences({ verdict, version }: DamagedFile): readonly (readonly [string, string])[] {
  if (verdict.stops === undefined)
    return [
      ["PostgreSQL", `${version} does not notice: nothing of what it checks has changed, or its log ends before.`],
    ];
  const { says, lsn } = verdict.stops;
  const lost = `${counted(verdict.commitsLost, "committed transaction")} at or behind ${lsnTextOf(lsn)}`;
  return [
    [`PostgreSQL ${version}`, `LOG:  ${says}`],
    [
      "restoring standby",
      "says so each time it asks for this segment again, for ever; it stays up and serves what it had: stale",
    ],
    ["streaming standby", "says so once, and fetches the same log from its primary"],
    ["recovery", `without a target ends here as if the log did, and succeeds: ${lost} missing, and nothing says so`],
    ["with a target", "behind it: FATAL, recovery ended before configured recovery target was reached"],
    ["crash recovery", `of a server whose own pg_wal this is ends here too: ${lost} lost`],
  ];
}
