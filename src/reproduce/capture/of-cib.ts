import { BlackstartError, messageOf } from "../../base/error.ts";
import { systemClock } from "../../base/time.ts";
import type { Capture } from "./schema.ts";
import { cibWithoutSecrets } from "./secrets.ts";

/** A CIB alone as a capture that holds nothing else, so that it can be compared with another. Throws INPUT_INVALID. */
export function captureOfCib(xml: string, path: string): Capture {
  let cib: string;
  try {
    cib = cibWithoutSecrets(xml);
  } catch (error) {
    throw new BlackstartError("INPUT_INVALID", {
      what: `${path} is no CIB.`,
      why: messageOf(error).split("\n")[0] ?? "",
      next: "Give what `cibadmin --query` prints.",
      details: { path },
    });
  }
  return {
    blackstart: "capture",
    format: 1,
    capturedAt: systemClock.now(),
    system: path,
    cluster: path,
    manager: "pacemaker",
    missing: [{ what: "everything but Pacemaker's configuration", why: "Only a CIB was given." }],
    nodes: {},
    pacemaker: { cib },
    defaults: {},
  };
}
