/** The storage of a Durable Object, as far as the Conductor's unit tests need it. */
export function memoryStorage(): DurableObjectStorage {
  const kept = new Map<string, unknown>();
  const storage = {
    get: async (key: string) => kept.get(key),
    put: async (key: string, value: unknown) => void kept.set(key, value),
    delete: async (key: string) => kept.delete(key),
  };
  return storage as unknown as DurableObjectStorage;
}
