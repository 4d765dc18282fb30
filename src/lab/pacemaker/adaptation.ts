import type { Document, Element } from "@xmldom/xmldom";
import type { Replacement } from "../lab.ts";

/** What every step of an adaptation works on: the tree, and what is told about it. */
export type Adaptation = Readonly<{ cib: Document; tell: (replacement: Replacement) => void }>;

/** The pgsql resource and the promotable clone around it. */
export type Database = Readonly<{ primitive: Element; clone: Element }>;
