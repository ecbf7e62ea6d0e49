/** How far a project's configuration has come: the epoch rises when D1 was restored from a backup, the number with each write. */

export type Head = { readonly epoch: number; readonly seq: number };

export const start: Head = { epoch: 1, seq: 0 };

/** Negative, zero or positive, as for `sort`. */
export const compareHeads = (a: Head, b: Head): number => a.epoch - b.epoch || a.seq - b.seq;

export const later = (a: Head, b: Head): Head => (compareHeads(a, b) >= 0 ? a : b);
