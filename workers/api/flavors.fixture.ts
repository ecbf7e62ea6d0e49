/** The flavors of a deployment in memory, for tests of the HTTP side alone; the real ones have suites of their own. */
import { randomUUID } from "node:crypto";
import type { Flavor, FlavorWrite } from "../../domain/flavor.ts";
import { notFound, type Problem, type User } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { FlavorsRpc, Sealed, SealedWrite } from "../../durable-objects/rpc-backends.ts";

export class MemoryFlavors implements FlavorsRpc {
  readonly rows = new Map<string, Sealed<Flavor>>();
  /** Who uses which flavor. */
  readonly users = new Map<string, readonly User[]>();
  /** Nothing can be said now. */
  away = false;

  async createFlavor({ sealed = null, ...input }: SealedWrite<FlavorWrite>): Promise<Result<Flavor, Problem>> {
    if (this.rows.has(input.name)) return fail({ type: "conflict", detail: `there is a flavor named ${input.name} already` });
    const at = "2026-11-22T10:00:00.000Z";
    const made = { ...input, id: randomUUID(), version: 1, created_at: at, updated_at: at };
    this.rows.set(input.name, { ...made, sealed });
    return ok(made);
  }

  async flavors(): Promise<Result<readonly Sealed<Flavor>[], Problem>> {
    return this.away ? fail({ type: "unavailable", detail: "away", retryAfterSeconds: 5 }) : ok([...this.rows.values()]);
  }

  async readFlavor(name: string): Promise<Result<Sealed<Flavor>, Problem>> {
    const found = this.rows.get(name);
    return found === undefined ? fail(notFound("flavor")) : ok(found);
  }

  async replaceFlavor(
    name: string,
    { sealed, ...input }: SealedWrite<FlavorWrite>,
    expected: number | null,
  ): Promise<Result<Flavor, Problem>> {
    const found = this.rows.get(name);
    if (found === undefined) return fail(notFound("flavor"));
    if (expected !== null && expected !== found.version) return fail({ type: "version-mismatch", detail: `it is at ${found.version}` });
    const { sealed: stored, ...before } = found;
    const next = { ...before, ...input, version: found.version + 1 };
    this.rows.set(name, { ...next, sealed: sealed === undefined ? stored : sealed });
    return ok(next);
  }

  async removeFlavor(name: string, expected: number | null): Promise<Result<null, Problem>> {
    const found = this.rows.get(name);
    if (found === undefined) return fail(notFound("flavor"));
    if (expected !== null && expected !== found.version) return fail({ type: "version-mismatch", detail: `it is at ${found.version}` });
    const users = this.users.get(name) ?? [];
    if (users.length > 0) return fail({ type: "in-use", detail: "the flavor is used", users });
    this.rows.delete(name);
    return ok(null);
  }
}
