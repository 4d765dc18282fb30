import { test } from "node:test";
import { missingFor } from "../support/managers.ts";
import { reproducedOnce } from "./once.ts";

test("pacemaker-2017 is reproduced with one command", { skip: await missingFor("pacemaker") }, () =>
  reproducedOnce("pacemaker-2017"),
);
