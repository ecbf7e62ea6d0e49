/** Whether an endpoint was checked in each period by each region, as its server saw it. Pure: the ticks follow from the configuration. */

export type Ticks = { readonly delayMs: number; readonly phases: readonly number[] };
export type Coverage = {
  /** Ticks of the window that no request came for before the same region's next tick. */
  readonly missed: number;
  /** Requests beyond one for each tick. */
  readonly extra: number;
  /** How long after its tick each request came. */
  readonly lateMs: readonly number[];
};

/**
 * `requests` are times, in any order, from one period before the window to one after it. Each belongs to the newest tick before it that has none
 * yet, among all regions' ticks: so a tick that nobody came for stays alone, and what came twice is left over.
 */
export function coverage(requests: readonly number[], { delayMs, phases }: Ticks, from: number, to: number): Coverage {
  // A period more on each side, so that a request near an edge finds the tick that is its own.
  const ticks = phases.flatMap((phase) => ticksOf(phase, delayMs, from - delayMs, to + delayMs)).sort((a, b) => a - b);
  const inWindow = (at: number) => at >= from && at < to;
  const open: number[] = [];
  const lateMs: number[] = [];
  let [next, missed, extra] = [0, 0, 0];
  const giveUp = (until: number) => {
    while (open[0] !== undefined && open[0] + delayMs <= until) if (inWindow(open.shift() as number)) missed += 1;
  };
  for (const at of requests.toSorted((a, b) => a - b)) {
    for (let tick = ticks[next]; tick !== undefined && tick <= at; tick = ticks[next]) {
      open.push(tick);
      next += 1;
    }
    giveUp(at);
    const tick = open.pop();
    if (tick === undefined) extra += inWindow(at) ? 1 : 0;
    else if (inWindow(tick)) lateMs.push(at - tick);
  }
  missed += [...open, ...ticks.slice(next)].filter(inWindow).length;
  return { missed, extra, lateMs };
}

function ticksOf(phase: number, delayMs: number, from: number, to: number): number[] {
  const first = Math.ceil((from - phase) / delayMs) * delayMs + phase;
  return Array.from({ length: Math.max(0, Math.ceil((to - first) / delayMs)) }, (_, index) => first + index * delayMs);
}
