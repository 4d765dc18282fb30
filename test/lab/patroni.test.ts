import { missingFor } from "../support/managers.ts";
import { conformance } from "./conformance.ts";

const times = { ttl: 7, loopWait: 1, retryTimeout: 3 };

conformance("patroni", {
  skip: await missingFor("patroni"),
  options: { proxied: true, patroni: times },
  systemManager: "patroni",
});
