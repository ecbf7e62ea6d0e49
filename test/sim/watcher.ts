/**
 * Sees every row that the Engine writes, in the turn in which it does, and remembers the rows as they are durable. A crash takes back what was
 * not, here too.
 */
export type RowCheck = (table: string, id: string, before: unknown, after: unknown) => void;

export class Watcher {
  private readonly rows = new Map<string, unknown>();
  private readonly gists = new Map<string, string>();
  private undo: (() => void)[] = [];
  private later: (() => void)[] = [];
  private readonly check: RowCheck;
  private static readonly watched = new Set(["member", "pool", "gslb", "publication", "outbox", "meta"]);

  constructor(check: RowCheck) {
    this.check = check;
  }

  row(table: string, id: string, body: string | null): void {
    if (!Watcher.watched.has(table) || (table === "meta" && id !== "meta")) return;
    if (table === "outbox" && body === null) return;
    const key = `${table} ${id}`;
    const before = this.rows.get(key);
    if (table === "member" && body !== null) {
      // Most of what is written of a member is a result more; what nobody here asks for need not be read.
      const gist = body.match(gists)?.join() ?? "";
      if (before !== undefined && this.gists.get(key) === gist) return;
      const was = this.gists.get(key);
      this.gists.set(key, gist);
      this.undo.push(() => this.gists.set(key, was ?? ""));
    }
    const after: unknown = body === null ? undefined : JSON.parse(body);
    if (table !== "outbox") {
      if (after === undefined) this.rows.delete(key);
      else this.rows.set(key, after);
      this.undo.push(() => {
        if (before === undefined) this.rows.delete(key);
        else this.rows.set(key, before);
      });
    }
    this.check(table, id, before, after);
  }

  get(table: string, id: string): unknown {
    return this.rows.get(`${table} ${id}`);
  }

  *all(table: string): Generator<[string, unknown]> {
    for (const [key, value] of this.rows) if (key.startsWith(`${table} `)) yield [key.slice(table.length + 1), value];
  }

  /** To be done when what is written now is durable; never, if it is lost. */
  once(action: () => void): void {
    this.later.push(action);
  }

  committed(): void {
    const { later } = this;
    this.undo = [];
    this.later = [];
    for (const action of later) action();
  }

  rolledBack(): void {
    for (const action of this.undo.reverse()) action();
    this.undo = [];
    this.later = [];
  }

  /** All of the state is lost. */
  forget(): void {
    this.rows.clear();
    this.gists.clear();
    this.undo = [];
    this.later = [];
  }
}

/** The status, how it is held back and, of each endpoint and monitor, what was decided and when its counters began. */
const gists =
  /^{"status":"\w+"|"fingerprint":"(?:[^"\\]|\\.)*"|"[^"]+":{"state":"\w+"|"rejudging":\w+|"version":\d+|"startedAt":\d+|"(?:damping|replaced)":{[^}]*}|"(?:yielded|released)":true/g;
