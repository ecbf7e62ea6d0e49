/** A name server in this process for tests: it answers each message as it is told, signed by Node's own HMAC and not by what is being tested. */
import { createHmac } from "node:crypto";
import type { BackendIo, BackendSocket } from "../../domain/backend.ts";
import { rfc2136 } from "./rfc2136.ts";

export const secret = Buffer.alloc(32, 7).toString("base64");
export const now = 1_795_390_760_000;

/** How a message is answered. `sign`: `wrong` has a bit turned; `error`: TSIG's own, with an empty signature but for BADTIME. */
export type Say = {
  readonly rcode: number;
  readonly sign?: "right" | "wrong" | "none";
  readonly error?: number;
  /** The message from behind the header, for questions; left out: its question alone. */
  readonly body?: { readonly bytes: Uint8Array; readonly answers: number };
  readonly authoritative?: boolean;
  readonly serverTime?: number;
};
/** Bytes that go out as they are, in place of an answer; `hangs`: none. */
export type Script = (message: Uint8Array, index: number) => Say | { readonly raw: Uint8Array } | "hangs" | "closes";

export const isUpdate = (message: Uint8Array): boolean => (((message[2] ?? 0) >> 3) & 0xf) === 5;

const keyName = Buffer.from("\u0001k\u0000");
const algorithm = Buffer.from("\u000bhmac-sha256\u0000");
const macLength = 32;
const signatureBytes = keyName.length + 10 + algorithm.length + 10 + macLength + 6;

/** What came, without its signature, and the plugin's world with this server in it. `hold`: so many answers are kept, and given last first. */
export function fakeServer(script: Script, { hold = 1 } = {}): { readonly messages: Uint8Array[]; readonly io: BackendIo; closed: number } {
  const messages: Uint8Array[] = [];
  const server = { messages, closed: 0 };
  const connect = (): BackendSocket => {
    let rest: Buffer = Buffer.alloc(0);
    let out: ReadableStreamDefaultController<Uint8Array>;
    const held: Uint8Array[] = [];
    const readable = new ReadableStream<Uint8Array>({
      start: (controller) => {
        out = controller;
      },
    });
    const writable = new WritableStream<Uint8Array>({
      write: (bytes) => {
        rest = Buffer.concat([rest, bytes]);
        while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
          const message = rest.subarray(2, 2 + rest.readUInt16BE(0));
          rest = rest.subarray(2 + message.length);
          messages.push(Uint8Array.from(message.subarray(0, message.length - signatureBytes)));
          const said = script(message, messages.length - 1);
          if (said === "closes") out.close();
          if (said === "hangs" || said === "closes") continue;
          held.push("raw" in said ? said.raw : framed(answerTo(message, said)));
          if (held.length === hold) for (const answer of held.splice(0).toReversed()) out.enqueue(answer);
        }
      },
    });
    return {
      readable,
      writable,
      opened: Promise.resolve({}),
      closed: Promise.resolve(),
      close: async () => {
        server.closed += 1;
      },
    };
  };
  const io: BackendIo = {
    now: () => now,
    sleep: async () => undefined,
    fetch,
    connect,
    signal: new AbortController().signal,
    kept: new Map(),
  };
  return Object.assign(server, { io });
}

export const backendAt = (io: BackendIo) => ({
  settings: rfc2136.settings.parse({ server: "192.0.2.53", key_name: "k" }),
  credentials: rfc2136.credentials.parse({ key_secret: secret }),
  io,
});

export function framed(message: Uint8Array): Uint8Array {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Uint8Array.from([...length, ...message]);
}

function answerTo(asked: Uint8Array, say: Say): Uint8Array {
  const { rcode, sign = "right", error = 0, body, authoritative = true, serverTime } = say;
  const request = asked.subarray(0, asked.length - signatureBytes);
  const requestMac = asked.subarray(asked.length - 6 - macLength, asked.length - 6);
  const message = Buffer.from([...request.subarray(0, 12), ...(body?.bytes ?? [])]);
  message[2] = ((request[2] ?? 0) & 0x78) | 0x80 | (authoritative ? 4 : 0);
  message[3] = rcode;
  for (const [at, count] of [body === undefined ? 0 : 1, body?.answers ?? 0, 0, 0].entries()) message.writeUInt16BE(count, 4 + 2 * at);
  if (sign === "none") return message;
  const time = Buffer.alloc(8);
  time.writeUIntBE(now / 1_000, 0, 6);
  time.writeUInt16BE(300, 6);
  const other = Buffer.alloc(serverTime === undefined ? 0 : 6);
  if (serverTime !== undefined) other.writeUIntBE(serverTime, 0, 6);
  const tail = Buffer.from([0, error, 0, other.length, ...other]);
  const head = Buffer.from("00ff00000000", "hex");
  const digested = Buffer.concat([Buffer.from([0, macLength]), requestMac, message, keyName, head, algorithm, time, tail]);
  const isEmpty = error !== 0 && serverTime === undefined;
  const mac = isEmpty ? Buffer.alloc(0) : createHmac("sha256", Buffer.from(secret, "base64")).update(digested).digest();
  if (sign === "wrong") mac[0] = (mac[0] ?? 0) ^ 1;
  const data = Buffer.concat([algorithm, time, Buffer.from([0, mac.length]), mac, asked.subarray(0, 2), tail]);
  const record = Buffer.concat([keyName, Buffer.from("00fa", "hex"), head, Buffer.from([0, data.length]), data]);
  message.writeUInt16BE(1, 10);
  return Uint8Array.from([...message, ...record]);
}
