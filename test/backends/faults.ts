/**
 * The network between a backend and its server, and what can go wrong with it: a wrap of the real one that counts calls. A fault is for the calls
 * that change something, unless it is for all.
 */
import type { BackendIo, BackendSocket } from "../../domain/backend.ts";
import type { Subject } from "./subject.ts";

/**
 * - `lost`: the request is sent and takes effect, and the connection breaks before the answer is there.
 * - `reset`: the connection breaks before anything was sent.
 * - `hangs`: nothing is sent, and nothing comes.
 * - `answer`: something else answers.
 */
export type Fault =
  | { readonly kind: "none" }
  | { readonly kind: "lost" | "reset" | "hangs"; readonly all?: boolean }
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body: string;
      readonly all?: boolean;
    };

export class FaultyNetwork {
  fault: Fault = { kind: "none" };
  /** Requests and connections so far, and those of them that change something. */
  calls = 0;
  writes = 0;
  private readonly subject: Subject;

  constructor(subject: Subject) {
    this.subject = subject;
  }

  io(): Pick<BackendIo, "fetch" | "connect"> & Pick<Partial<BackendIo>, "answers"> {
    const { answers } = this.subject.io;
    return {
      fetch: ((url, init) => this.fetch(String(url), init)) as typeof fetch,
      connect: (address) => this.connect(address),
      ...(answers === undefined ? {} : { answers }),
    };
  }

  private async fetch(url: string, init?: RequestInit): Promise<Response> {
    const method = init?.method ?? "GET";
    const isWrite = this.subject.isWrite?.(method, url) ?? method !== "GET";
    this.count(isWrite);
    const fault = this.faultFor(isWrite);
    if (fault.kind === "answer") return new Response(fault.body, { status: fault.status, headers: fault.headers ?? {} });
    if (fault.kind === "reset") throw new TypeError("fetch failed");
    if (fault.kind === "hangs") return untilAborted(init?.signal ?? null);
    const response = await this.subject.io.fetch(url, init);
    if (fault.kind !== "lost") return response;
    await response.body?.cancel();
    throw new TypeError("fetch failed");
  }

  /** What it is to be is known when the first bytes are sent. */
  private connect(address: { readonly hostname: string; readonly port: number }): BackendSocket {
    const socket = this.subject.io.connect(address);
    const answer = Promise.withResolvers<Fault>();
    let first = true;
    const out = new TransformStream<Uint8Array, Uint8Array>({
      transform: async (bytes, controller) => {
        if (first) {
          const isWrite = this.subject.isWriteMessage?.(bytes) ?? true;
          this.count(isWrite);
          answer.resolve(this.faultFor(isWrite));
        }
        first = false;
        const { kind } = await answer.promise;
        if (kind === "none" || kind === "lost") controller.enqueue(bytes);
        else if (kind === "reset") throw new Error("the connection was closed");
      },
    });
    out.readable.pipeTo(socket.writable).catch(() => undefined);
    return { ...socket, close: () => socket.close(), readable: faultyReadable(socket, answer.promise), writable: out.writable };
  }

  private count(isWrite: boolean): void {
    this.calls += 1;
    if (isWrite) this.writes += 1;
  }

  private faultFor(isWrite: boolean): Fault {
    const { fault } = this;
    const isMeant = isWrite || ("all" in fault && fault.all === true);
    return isMeant ? fault : { kind: "none" };
  }
}

const untilAborted = (signal: AbortSignal | null): Promise<never> =>
  new Promise((_, reject) => {
    if (signal?.aborted === true) reject(signal.reason);
    signal?.addEventListener("abort", () => reject(signal.reason));
  });

function faultyReadable(socket: BackendSocket, answer: Promise<Fault>): ReadableStream<Uint8Array> {
  const reader = socket.readable.getReader();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const fault = await answer;
      if (fault.kind === "hangs") return new Promise(() => undefined);
      if (fault.kind === "answer") {
        controller.enqueue(new TextEncoder().encode(fault.body));
        controller.close();
        return;
      }
      if (fault.kind === "reset") throw new Error("the connection was closed");
      const { done, value } = await reader.read();
      // It answered, so the message took effect.
      if (fault.kind === "lost") throw new Error("the connection was closed");
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => reader.cancel(),
  });
}
