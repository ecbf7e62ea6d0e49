/** The three that must agree: the tables that the code speaks of, the migrations in the folder, the list that is bundled into the Worker. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { generateSQLiteDrizzleJson, generateSQLiteMigration } from "drizzle-kit/api";
import { describe, expect, it } from "vitest";
import * as schema from "../durable-objects/conductor/schema.ts";

const root = join(import.meta.dirname, "..");
const folder = join(root, "migrations");
const files = readdirSync(folder)
  .filter((name) => name.endsWith(".sql"))
  .sort();

describe("the migrations", () => {
  it("that are bundled are those of the folder, in their order", () => {
    const source = readFileSync(join(root, "durable-objects/conductor/migrations.ts"), "utf8");
    const imports = new Map(
      [...source.matchAll(/^import (\w+) from "\.\.\/\.\.\/migrations\/(.+)";$/gm)].map(([, name, file]) => [name, file]),
    );
    const listed = [...source.matchAll(/\{ name: "(.+?)", sql: (\w+) \}/g)].map(([, file, name]) => ({
      file,
      imported: imports.get(name),
    }));
    expect(listed).toEqual(files.map((file) => ({ file, imported: file })));
  });

  it("are those of drizzle-kit's journal", () => {
    const journal = JSON.parse(readFileSync(join(folder, "meta/_journal.json"), "utf8")) as { entries: { tag: string }[] };
    expect(journal.entries.map(({ tag }) => `${tag}.sql`)).toEqual(files);
  });

  it("lead to the tables that the code speaks of: generating another one would find nothing to do", async () => {
    const snapshots = readdirSync(join(folder, "meta"))
      .filter((name) => name.endsWith("_snapshot.json"))
      .sort();
    expect(snapshots).toHaveLength(files.length);
    const last = JSON.parse(readFileSync(join(folder, "meta", snapshots.at(-1) ?? ""), "utf8"));
    const now = await generateSQLiteDrizzleJson(schema, last.id);
    expect(Object.keys(now.tables).length).toBeGreaterThan(5);
    expect(await generateSQLiteMigration(last, now)).toEqual([]);
    // The comparison can tell a difference.
    const without = structuredClone(now);
    delete without.tables.tombstone;
    expect(await generateSQLiteMigration(last, without)).not.toEqual([]);
  });
});
