/**
 * What an Answers object keeps, in SQL: for each name the newest change that was taken, and for each zone the names published in it.
 * It decides by the fence alone and knows neither network nor clock. Removals stay as rows for ever (about 300 bytes each): without
 * them a plan that was delayed for longer than any bound we could name would bring a deleted name back.
 */
import { z } from "zod";
import type { Change, LiveRecords, WriteFailure } from "../../domain/backend.ts";
import { fence, nameOf, recordsOf } from "../../domain/fence.ts";
import { isInZone } from "../../domain/name.ts";
import { plan } from "../../domain/plan.ts";
import { ok, type Result } from "../../domain/result.ts";
import { id } from "../../domain/schema.ts";
import type { ServedName, ZoneReference } from "../rpc.ts";

/** The part of `SqlStorage` that is used. */
export type Sql = { exec(query: string, ...bindings: (string | number)[]): Iterable<Record<string, unknown>> };

export const change = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("publish"), plan }),
  z.object({
    kind: z.literal("unpublish"),
    fqdn: z.string(),
    zone: z.string(),
    gslbId: id,
    also: z.array(id).exactOptional(),
    epoch: z.int().min(0),
    number: z.int().min(1),
  }),
]);

export class AnswersStore {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
    sql.exec("CREATE TABLE IF NOT EXISTS names (fqdn TEXT PRIMARY KEY, change TEXT NOT NULL) STRICT, WITHOUT ROWID");
    sql.exec(
      `CREATE TABLE IF NOT EXISTS zone_names (zone TEXT NOT NULL, path TEXT NOT NULL, epoch INTEGER NOT NULL, number INTEGER NOT NULL,
         held INTEGER NOT NULL, PRIMARY KEY (zone, path)) STRICT, WITHOUT ROWID`,
    );
    // Questions about a zone then never walk over its removed names.
    sql.exec("CREATE INDEX IF NOT EXISTS zone_names_held ON zone_names (zone, path) WHERE held = 1");
  }

  write(change: Change): Result<null, WriteFailure> {
    const fqdn = nameOf(change);
    const fenced = fence(this.#held(fqdn), change);
    if (!fenced.ok) return fenced;
    if (fenced.value === "take") {
      this.#run(
        "INSERT INTO names (fqdn, change) VALUES (?, ?) ON CONFLICT (fqdn) DO UPDATE SET change = excluded.change",
        fqdn,
        JSON.stringify(change),
      );
    }
    return ok(null);
  }

  read(fqdn: string): LiveRecords {
    return recordsOf(fqdn, this.#held(fqdn));
  }

  lookup(name: string): ServedName | null {
    const held = this.#held(name);
    if (held?.kind !== "publish") return null;
    const { fqdn, zone, ttl, epoch, number, withdrawn, answers, places } = held.plan;
    return { fqdn, zone, ttl, epoch, number, withdrawn, answers, ...(places === undefined ? {} : { places }) };
  }

  /** The higher number wins here too, so that a hold or release that comes late changes nothing. */
  mark(zone: string, names: readonly ZoneReference[], held: boolean): void {
    for (const { fqdn, epoch, number } of names) {
      this.#run(
        `INSERT INTO zone_names (zone, path, epoch, number, held) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (zone, path) DO UPDATE SET epoch = excluded.epoch, number = excluded.number, held = excluded.held
         WHERE (excluded.epoch, excluded.number) > (zone_names.epoch, zone_names.number)`,
        zone,
        pathOf(fqdn),
        epoch,
        number,
        held ? 1 : 0,
      );
    }
  }

  longestZone(zones: readonly string[], name: string): { readonly zone: string; readonly below: boolean } | null {
    for (const zone of zones.filter((zone) => isInZone(name, zone)).toSorted((a, b) => b.length - a.length)) {
      if (this.#any("SELECT 1 FROM zone_names WHERE zone = ? AND held = 1 LIMIT 1", zone)) {
        const path = pathOf(name);
        // The paths that begin with `path` and go on: "/" is the character after ".".
        const below = "SELECT 1 FROM zone_names WHERE zone = ? AND held = 1 AND path > ? AND path < ? LIMIT 1";
        return { zone, below: this.#any(below, zone, path, `${path.slice(0, -1)}/`) };
      }
    }
    return null;
  }

  zones(): readonly string[] {
    return [...this.#sql.exec("SELECT DISTINCT zone FROM zone_names WHERE held = 1 ORDER BY zone")].map(({ zone }) => String(zone));
  }

  #held(fqdn: string): Change | null {
    for (const row of this.#sql.exec("SELECT change FROM names WHERE fqdn = ?", fqdn)) return change.parse(JSON.parse(String(row.change)));
    return null;
  }

  #any(query: string, ...bindings: string[]): boolean {
    return [...this.#sql.exec(query, ...bindings)].length > 0;
  }

  /** A statement is carried out once its rows are read. */
  #run(query: string, ...bindings: (string | number)[]): void {
    for (const _ of this.#sql.exec(query, ...bindings));
  }
}

/** "www.example.com." as "com.example.www.": names below a name then have its path as their beginning. */
const pathOf = (fqdn: string): string => `${fqdn.replace(/\.$/, "").split(".").reverse().join(".")}.`;
