import { missingFor } from "../support/managers.ts";
import { conformance } from "./conformance.ts";

conformance("pacemaker", { skip: await missingFor("pacemaker"), systemManager: "pacemaker", nobodyRewinds: true });
