import { test } from "node:test";
import { missingFor } from "../support/managers.ts";
import { reproducedOnce } from "./once.ts";

test("patroni-nobody-promoted is reproduced with one command", { skip: await missingFor("patroni") }, () =>
  reproducedOnce("patroni-nobody-promoted"),
);
