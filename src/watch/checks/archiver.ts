import { durationText } from "../assess/words.ts";
import { type HealthCheck, numberIn, textIn } from "./health-check.ts";

/** Whether WAL reaches the archive: without it there is no restore to a point in time, and the disk fills up. */
export const archiver: HealthCheck = {
  name: "archiver",
  finds: {
    "archive.failing": {
      severities: ["warning", "critical"],
      when: "The last attempt to archive failed; critical when `archive.readySegmentsCritical` segments wait.",
    },
    "archive.waiting": {
      severities: ["warning", "critical"],
      when: "`archive.readySegments` segments wait; critical from `archive.readySegmentsCritical`.",
    },
  },
  title: "The archiver: failing, or falling behind",
  advice:
    "See the server's log for what archive_command says; run it by hand as the server's user; look at the archive's disk.",
  appliesTo: "primary",
  thresholds: ["archive.readySegments", "archive.readySegmentsCritical"],
  query: () => `
    select current_setting('archive_mode') as mode, failed_count as failed, archived_count as archived,
      last_failed_wal as "failedWal",
      last_failed_time > coalesce(last_archived_time, '-infinity') as failing,
      extract(epoch from clock_timestamp() - last_archived_time) * 1000 as "archivedAgeMs",
      case when current_setting('archive_mode') = 'off' then 0
        else (select count(*) from pg_ls_archive_statusdir() where name like '%.ready') end as ready
    from pg_stat_archiver`,
  judge(rows, { one, thresholds }) {
    const [row] = rows;
    if (row === undefined || textIn(row, "mode") === "off") return [];
    const ready = numberIn(row, "ready");
    const age = numberIn(row, "archivedAgeMs");
    const evidence = [
      { label: "segments waiting", value: String(ready) },
      { label: "last archived", value: Number.isNaN(age) ? "never" : `${durationText(age)} ago` },
      { label: "failed attempts", value: textIn(row, "failed") },
    ];
    const isCritical = ready >= thresholds["archive.readySegmentsCritical"];
    if (row.failing === true)
      return [
        {
          code: "archive.failing",
          severity: isCritical ? "critical" : "warning",
          title: `${one.node} cannot archive its WAL: the last attempt failed, ${ready} segments wait.`,
          evidence: [...evidence, { label: "failed on", value: textIn(row, "failedWal") }],
        },
      ];
    if (!(ready >= thresholds["archive.readySegments"])) return [];
    return [
      {
        code: "archive.waiting",
        severity: isCritical ? "critical" : "warning",
        title: `${one.node} archives too slowly: ${ready} segments wait.`,
        evidence,
      },
    ];
  },
};
