import { conformance } from "./conformance.ts";
import { memory } from "./subjects/memory.ts";

conformance(memory);
