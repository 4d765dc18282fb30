import { pollUntil } from "../../base/time.ts";
import { socketAddressOf } from "../../drivers/service/address.ts";
import { httpProbe } from "../../drivers/service/http.ts";
import { tcpProbe } from "../../drivers/service/tcp.ts";
import type { StepContext, StepHandler } from "../../plan/handler.ts";
import { serviceOf } from "../../system/names.ts";
import type { Service } from "../../system/schema.ts";
import type { MitigationContext } from "../context.ts";
import { stepFailed, text } from "./parameters.ts";

const commandTimeoutMs = 120_000;
const answerTimeoutMs = 60_000;
const probeTimeoutMs = 2000;

/** The service was restarted by its own command and answers its probe. */
export function restartServiceHandler(context: MitigationContext): StepHandler {
  return {
    kind: "service.restart",
    check: async () => ({ state: "ready" }),
    async do(step) {
      const { name, service } = declared(context, step);
      await step.assertHeld();
      const host = context.fleet.host(service.host ?? "local:");
      const command = { script: service.restart ?? "false", timeoutMs: commandTimeoutMs, signal: step.signal };
      const { code, stderr } = await host.run(command);
      if (code === 0) return { code };
      throw stepFailed(
        `The command that restarts ${name} ended with ${code}. Whether ${name} runs is not known.`,
        stderr.trim().slice(0, 500) || "It said nothing.",
        `Run it by hand on ${host.reference}, and look at the log of ${name}.`,
      );
    },
    async verify(step) {
      const { name, service } = declared(context, step);
      if (service.probe === undefined) return;
      const { probe: url } = service;
      const probe = url.startsWith("tcp:") ? tcpProbe(socketAddressOf(url)) : httpProbe(url);
      let detail = "";
      const answers = async () => {
        const result = await probe(probeTimeoutMs);
        detail = result.detail;
        return result.outcome === "good" ? true : undefined;
      };
      if (await pollUntil(answers, { everyMs: 100, timeoutMs: answerTimeoutMs, signal: step.signal })) return;
      throw stepFailed(
        `${name} was restarted, and does not answer its probe within ${answerTimeoutMs / 1000} s.`,
        detail,
        `Look at the log of ${name}, and at what it needs: ${service.needs.join(", ") || "nothing is declared"}.`,
      );
    },
  };
}

function declared(context: MitigationContext, step: StepContext): { name: string; service: Service } {
  const name = text(step, "service");
  return { name, service: serviceOf(context.system, name) };
}
