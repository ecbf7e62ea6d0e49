/**
 * The baseline of the API: the least that a Worker of the same libraries does to validate, store and return a row of the same kind. One
 * INSERT or one SELECT a request; no authentication, no projects, no versions, no outbox, no Durable Object.
 */
import { Hono } from "hono";
import { gslbWrite } from "../domain/gslb.ts";
import { poolCreate } from "../domain/pool.ts";

type Row = { readonly id: string; readonly document: string; readonly created_at: string };

const kinds = { pools: poolCreate, gslbs: gslbWrite } as const;

const app = new Hono<{ Bindings: { DB: D1Database } }>();

/** Ready once its tables are there. */
app.get("/readyz", async (context) => {
  for (const kind of Object.keys(kinds)) {
    await context.env.DB.prepare(`CREATE TABLE IF NOT EXISTS ${kind} (id TEXT PRIMARY KEY, document TEXT NOT NULL, created_at TEXT)`).run();
  }
  return context.json({ ok: true });
});

for (const [kind, schema] of Object.entries(kinds)) {
  app.post(`/${kind}`, async (context) => {
    const parsed = schema.safeParse(await context.req.json());
    if (!parsed.success) return context.json(parsed.error.issues, 400);
    const row = { id: crypto.randomUUID(), document: JSON.stringify(parsed.data), created_at: new Date().toISOString() };
    const insert = context.env.DB.prepare(`INSERT INTO ${kind} (id, document, created_at) VALUES (?, ?, ?)`);
    await insert.bind(row.id, row.document, row.created_at).run();
    return context.json(shown(row), 201);
  });

  app.get(`/${kind}/:id`, async (context) => {
    const select = context.env.DB.prepare(`SELECT * FROM ${kind} WHERE id = ?`);
    const row = await select.bind(context.req.param("id")).first<Row>();
    return row === null ? context.json({}, 404) : context.json(shown(row));
  });

  app.get(`/${kind}`, async (context) => {
    const { results } = await context.env.DB.prepare(`SELECT * FROM ${kind} ORDER BY created_at, id LIMIT 100`).all<Row>();
    return context.json({ [kind]: results.map(shown) });
  });
}

const shown = (row: Row) => ({ id: row.id, created_at: row.created_at, ...JSON.parse(row.document) });

export default { fetch: app.fetch, scheduled: () => {} } satisfies ExportedHandler<{ DB: D1Database }>;
