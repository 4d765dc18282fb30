import type { HealthCheck } from "./health-check.ts";

/** Every health check. They run in this order, one at a time. */
export const healthChecks: readonly HealthCheck[] = [];
