import { conformance } from "./conformance.ts";
import { edge } from "./subjects/edge.ts";

conformance(edge);
