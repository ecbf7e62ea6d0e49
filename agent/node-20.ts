/** What Node 20 lacks of the language that the shared code is written in. Imported before everything else. */

type Resolvers<T> = { promise: Promise<T>; resolve: (value: T | PromiseLike<T>) => void; reject: (reason?: unknown) => void };

function withResolvers<T>(this: PromiseConstructor): Resolvers<T> {
  const resolvers: Partial<Resolvers<T>> = {};
  const promise = new Promise<T>((resolve, reject) => Object.assign(resolvers, { resolve, reject }));
  return { ...resolvers, promise } as Resolvers<T>;
}

function groupBy<K, V>(items: Iterable<V>, keyOf: (item: V, index: number) => K): Map<K, V[]> {
  const groups = new Map<K, V[]>();
  let index = 0;
  for (const item of items) {
    const key = keyOf(item, index++);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

export function fillIn(): void {
  if (!("withResolvers" in Promise))
    Object.defineProperty(Promise, "withResolvers", { value: withResolvers, writable: true, configurable: true });
  if (!("parse" in URL)) {
    const parse = (text: string, base?: string) => (URL.canParse(text, base) ? new URL(text, base) : null);
    Object.defineProperty(URL, "parse", { value: parse, writable: true, configurable: true });
  }
  if (!("groupBy" in Map)) Object.defineProperty(Map, "groupBy", { value: groupBy, writable: true, configurable: true });
}

fillIn();
