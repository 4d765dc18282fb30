import type { Instant } from "../base/time.ts";
import type { Ref } from "../finding/finding.ts";

/** `20261120-0307-ledger`: sorts by time, is short enough to be read out on the telephone. `taken` gives it a suffix. */
export function incidentId(at: Instant, subject: Ref, taken: (id: string) => boolean): string {
  const [date, time] = [at.slice(0, 10).replaceAll("-", ""), at.slice(11, 16).replace(":", "")];
  const id = `${date}-${time}-${plain(subject.name)}`;
  if (!taken(id)) return id;
  let number = 2;
  while (taken(`${id}-${number}`)) number += 1;
  return `${id}-${number}`;
}

/** Only what survives a file name, a URL and a shell. */
function plain(name: string): string {
  const text = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
  return text.slice(0, 40) || "incident";
}
