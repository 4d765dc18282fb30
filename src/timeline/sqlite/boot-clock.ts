import { readFileSync } from "node:fs";
import { uptime } from "node:os";

/*
 * The clock of the leases: the same in every process of this machine, and not moved by whoever sets the wall clock, which
 * would end a live lease or keep a dead one for hours. It goes on while the machine sleeps (CLOCK_BOOTTIME, which is what
 * Linux shows as its uptime): a lease that was held before is lost then.
 */

/**
 * Milliseconds since the boot. A container may be shown an uptime of its own (lxcfs); the monotonic clock is the machine's
 * all the same, and never ahead of the time since the boot. So the greater of the two is taken.
 */
export function bootClockMs(): number {
  return Math.floor(Math.max(uptime() * 1000, Number(process.hrtime.bigint()) / 1e6));
}

let boot: string | undefined;

/** Which boot that is, or empty where it cannot be told. */
export function bootId(): string {
  boot ??= readBootId();
  return boot;
}

function readBootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    // No /proc, or one that may not be read.
    return "";
  }
}
