import type { StepHandler } from "../plan/handler.ts";
import type { MitigationContext } from "./context.ts";
import { dropSlotHandler, freeMemoryHandler, removeCopyHandler } from "./steps/clean-up.ts";
import { electHandler } from "./steps/elect.ts";
import { fenceHandler } from "./steps/fence.ts";
import { followHandler } from "./steps/follow.ts";
import { checkpointHandler, handOverHandler } from "./steps/hand-over.ts";
import { keepHandler } from "./steps/keep.ts";
import { moveClientsByHandHandler, moveClientsHandler } from "./steps/move-clients.ts";
import { promoteHandler } from "./steps/promote.ts";
import { rejoinHandler } from "./steps/rejoin.ts";
import { restartServiceHandler } from "./steps/restart-service.ts";
import { setSynchronousHandler } from "./steps/set-synchronous.ts";
import { startHandler, stopHandler } from "./steps/stop-start.ts";
import { unmarkHandler } from "./steps/unmark.ts";
import { verifyPromiseHandler } from "./steps/verify-promise.ts";
import { verifyWriteHandler } from "./steps/verify-write.ts";

/** The handlers of all steps of which the plans in this room are made. */
export function mitigationHandlers(context: MitigationContext): readonly StepHandler[] {
  return [
    fenceHandler(context),
    electHandler(context),
    setSynchronousHandler(context),
    promoteHandler(context),
    followHandler(context),
    moveClientsHandler(context),
    moveClientsByHandHandler(context),
    verifyWriteHandler(context),
    keepHandler(context),
    rejoinHandler(context),
    checkpointHandler(context),
    handOverHandler(context),
    stopHandler(context),
    startHandler(context),
    verifyPromiseHandler(context),
    restartServiceHandler(context),
    unmarkHandler(context),
    dropSlotHandler(context),
    removeCopyHandler(context),
    freeMemoryHandler(context),
  ];
}
