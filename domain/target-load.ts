/** What the checks of a project ask of each target: checks per second by the host that is really asked. */

/** The checks of one endpoint by one monitor, from everywhere that runs it. */
export type Asked = { readonly host: string; readonly perSecond: number };

export function loadByHost(asked: Iterable<Asked>): ReadonlyMap<string, number> {
  const loads = new Map<string, number>();
  for (const { host, perSecond } of asked) if (perSecond > 0) loads.set(host, (loads.get(host) ?? 0) + perSecond);
  return loads;
}

export type Overload = { readonly host: string; readonly before: number; readonly after: number };

/** Where a change asks more of a host than it may, and more than was asked before: what is too much already may always be made less. */
export function overloads(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>, bound: number): readonly Overload[] {
  return [...after].flatMap(([host, load]) => {
    const was = before.get(host) ?? 0;
    return load > bound + roundingError && load > was + roundingError ? [{ host, before: was, after: load }] : [];
  });
}

/** Thirty times a third is a little more than 10. */
const roundingError = 1e-9;

/** Four digits after the point at the most, as load is shown. */
export const shownLoad = (perSecond: number): number => Math.round(perSecond * 10_000) / 10_000;
