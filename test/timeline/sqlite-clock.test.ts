import { clockConformance } from "./conformance.ts";
import { openSqliteStore } from "./sqlite-store.ts";
import { stepClock } from "./stepped-clock.ts";

clockConformance("SQLite", openSqliteStore, stepClock);
