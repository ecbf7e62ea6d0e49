export type Verdict = "unknown" | "up" | "down";
