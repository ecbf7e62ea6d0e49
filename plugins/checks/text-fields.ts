/** What is said over a plain connection and what must, or must not, be said back: the fields of TCP and UDP. */
import { z } from "zod";
import { limits } from "../../domain/limits.ts";

const bytes = (text: string): number => new TextEncoder().encode(text).length;

const bounded = (maximum: number) =>
  z
    .string({ error: "must be a string" })
    .min(1, { error: "must not be empty" })
    .refine((text) => bytes(text) <= maximum, { error: `must be at most ${maximum} bytes` });

/** Sent as UTF-8, byte for byte: JSON's own escapes ("\r\n") are all that there are; the API takes no NUL. */
export const sendText = bounded(limits.sendBytes);
/** A substring, compared byte for byte. */
export const receiveText = bounded(limits.receiveStringBytes);
