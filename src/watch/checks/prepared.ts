import { durationText } from "../assess/words.ts";
import { type HealthCheck, numberIn, textIn } from "./health-check.ts";

/** Two-phase commits that nobody has finished: they hold locks and the vacuum horizon, also over a restart. */
export const prepared: HealthCheck = {
  name: "prepared",
  finds: {
    "prepared.old": {
      severities: ["warning"],
      when: "A transaction was prepared `prepared.ageSeconds` ago and neither committed nor rolled back.",
    },
  },
  title: "Prepared transactions left behind",
  advice: "Ask their transaction manager; COMMIT PREPARED or ROLLBACK PREPARED, in the database where they were made.",
  appliesTo: "primary",
  thresholds: ["prepared.ageSeconds"],
  query: () => `
    select gid, owner, database, extract(epoch from clock_timestamp() - prepared) * 1000 as "ageMs"
    from pg_prepared_xacts order by prepared limit 50`,
  judge(rows, { one, thresholds }) {
    const old = rows.filter((row) => numberIn(row, "ageMs") >= thresholds["prepared.ageSeconds"] * 1000);
    const [oldest] = old;
    if (oldest === undefined) return [];
    return [
      {
        code: "prepared.old",
        severity: "warning",
        title: `${old.length === 1 ? "A prepared transaction has" : `${old.length} prepared transactions have`} been left behind on ${one.node} for up to ${durationText(numberIn(oldest, "ageMs"))}.`,
        evidence: old.slice(0, 10).map((row) => ({
          label: textIn(row, "gid"),
          value: `${textIn(row, "owner")}, database ${textIn(row, "database")}, ${durationText(numberIn(row, "ageMs"))}`,
        })),
      },
    ];
  },
};
