/** Where drizzle-kit finds the tables and puts the migrations (`npm run migrations:generate`). It never applies any: the Conductor does. */
import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "sqlite",
  driver: "d1-http",
  schema: "./durable-objects/conductor/schema.ts",
  out: "./migrations",
});
