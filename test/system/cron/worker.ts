/** Counts how often its cron was ticked since its runtime started, and says so. */
let ticks = 0;

export default {
  fetch: () => new Response(String(ticks)),
  scheduled: () => {
    ticks += 1;
  },
} satisfies ExportedHandler;
