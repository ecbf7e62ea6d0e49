/** What a runtime's inspector says of its isolate's heap: the Chrome DevTools Protocol over one WebSocket. */
import { assert } from "../domain/result.ts";

export type Heap = {
  /** JavaScript's own part and its buffers, in bytes. `collected`: of what is alive alone. */
  usedBytes(collected: boolean): Promise<number>;
  close(): void;
};

/** The runtime looks at what it is asked only when its isolate runs next: so often is it made to. */
const wakeMs = 50;
/** One collection may leave what another finds. */
const collections = 3;

type Message = { readonly id?: number; readonly result?: unknown; readonly error?: { readonly message: string } };
type Usage = { readonly usedSize: number; readonly backingStorageSize?: number };

/** `inspectorUrl`: of the runtime; the Worker asked is the first that it names. `wake` makes its isolate run. */
export async function openHeap(inspectorUrl: string, wake: () => Promise<unknown>): Promise<Heap> {
  const list = await fetch(new URL("/json/list", inspectorUrl.replace(/^ws:/, "http:")));
  const [target] = (await list.json()) as readonly { readonly webSocketDebuggerUrl: string }[];
  assert(target !== undefined, "the inspector names a Worker");
  const socket = new WebSocket(target.webSocketDebuggerUrl);
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const opened = Promise.withResolvers<void>();
  socket.addEventListener("open", () => opened.resolve());
  socket.addEventListener("error", () => opened.reject(new Error(`the inspector at ${inspectorUrl} cannot be reached`)));
  socket.addEventListener("close", () => {
    for (const { reject } of waiting.values()) reject(new Error("the inspector hung up"));
  });
  socket.addEventListener("message", ({ data }) => {
    const { id, result, error } = JSON.parse(String(data)) as Message;
    if (id === undefined) return;
    if (error === undefined) waiting.get(id)?.resolve(result);
    else waiting.get(id)?.reject(new Error(`the inspector says: ${error.message}`));
    waiting.delete(id);
  });
  await opened.promise;
  let asked = 0;
  const ask = async (method: string): Promise<unknown> => {
    asked += 1;
    const answer = Promise.withResolvers<unknown>();
    const waking = setInterval(() => void wake().catch(answer.reject), wakeMs);
    waiting.set(asked, answer);
    socket.send(JSON.stringify({ id: asked, method }));
    try {
      return await answer.promise;
    } finally {
      clearInterval(waking);
    }
  };
  return {
    usedBytes: async (collected) => {
      for (let n = 0; collected && n < collections; n += 1) await ask("HeapProfiler.collectGarbage");
      const { usedSize, backingStorageSize } = (await ask("Runtime.getHeapUsage")) as Usage;
      assert(usedSize > 0, "an isolate that runs has a heap");
      return usedSize + (backingStorageSize ?? 0);
    },
    close: () => socket.close(),
  };
}
