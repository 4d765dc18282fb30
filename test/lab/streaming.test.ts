import { noPostgres } from "../support/postgres-versions.ts";
import { conformance } from "./conformance.ts";

conformance("streaming", { skip: noPostgres, options: { proxied: true }, systemManager: "none" });
