/** The migrations that this version of Kosmos brings along, in their order; `test/migrations.test.ts` holds the list to the folder. */
import initial from "../../migrations/0000_initial.sql";
import rules from "../../migrations/0001_the_rest_of_the_rules.sql";
import agents from "../../migrations/0002_agents.sql";
import backends from "../../migrations/0003_backends.sql";

export type Migration = { readonly name: string; readonly sql: string };

export const migrations: readonly Migration[] = [
  { name: "0000_initial.sql", sql: initial },
  { name: "0001_the_rest_of_the_rules.sql", sql: rules },
  { name: "0002_agents.sql", sql: agents },
  { name: "0003_backends.sql", sql: backends },
];
