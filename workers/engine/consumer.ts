/**
 * The consumer of `status-results`: parses each message, hands a project's reports to its Engine in one call, and acknowledges message by
 * message. What cannot be read, or could not be delivered, is retried by the queue and ends in the dead-letter queue: nothing is dropped here.
 */
import { type CheckReport, checkReport } from "../../domain/observation.ts";
import type { EngineRpc } from "../../durable-objects/rpc.ts";

type Delivery = { readonly message: Message<unknown>; readonly report: CheckReport };

export async function consume(batch: MessageBatch<unknown>, engine: (project: string) => EngineRpc): Promise<void> {
  const projects = new Map<string, Delivery[]>();
  for (const message of batch.messages) {
    const parsed = checkReport.safeParse(message.body);
    if (!parsed.success) {
      console.error(
        `queue: message ${message.id} is no check report: ${parsed.error.issues[0]?.path.join(".")} ${parsed.error.issues[0]?.message}`,
      );
      message.retry();
      continue;
    }
    const deliveries = projects.get(parsed.data.project_id) ?? [];
    deliveries.push({ message, report: parsed.data });
    projects.set(parsed.data.project_id, deliveries);
  }
  await Promise.all([...projects].map(([project, deliveries]) => deliver(project, deliveries, engine(project))));
}

async function deliver(project: string, deliveries: readonly Delivery[], engine: EngineRpc): Promise<void> {
  const now = Date.now();
  const lagMs = Math.max(0, ...deliveries.map(({ message }) => now - message.timestamp.getTime()));
  try {
    await engine.observe(
      deliveries.map(({ report }) => report),
      lagMs,
    );
    for (const { message } of deliveries) message.ack();
  } catch (error) {
    console.error(`queue: the Engine of ${project} did not take ${deliveries.length} reports: ${error}`);
    for (const { message } of deliveries) message.retry({ delaySeconds: 1 });
  }
}
