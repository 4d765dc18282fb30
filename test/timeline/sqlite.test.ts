import { conformance } from "./conformance.ts";
import { openSqliteStore } from "./sqlite-store.ts";

conformance("SQLite", openSqliteStore);
