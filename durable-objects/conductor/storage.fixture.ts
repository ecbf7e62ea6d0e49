/** The storage of a Durable Object, as far as the Conductor's unit tests need it, with the bound that it has: 2 MB a value. */
export function memoryStorage(): DurableObjectStorage {
  const kept = new Map<string, unknown>();
  const put = (key: string, value: unknown): void => {
    if (JSON.stringify(value).length > 2_000_000) throw new Error("string or blob too big: SQLITE_TOOBIG");
    kept.set(key, value);
  };
  const storage = {
    get: async (key: string | string[]) => (Array.isArray(key) ? new Map(key.map((one) => [one, kept.get(one)])) : kept.get(key)),
    put: async (key: string | Record<string, unknown>, value: unknown) => {
      for (const [name, one] of typeof key === "string" ? [[key, value] as const] : Object.entries(key)) put(name, one);
    },
    delete: async (key: string) => kept.delete(key),
  };
  return storage as unknown as DurableObjectStorage;
}
