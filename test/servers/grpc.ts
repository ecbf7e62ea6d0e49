/** A gRPC server with the standard health service, by @grpc/grpc-js: it serves as a whole and in `shop`, and does not in `mail`. */
import { readFile } from "node:fs/promises";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import type { Certificates } from "./certificates.ts";

export type GrpcServer = { readonly port: number; stop(): Promise<void> };

/** `tls`: with these certificates; null: in plain text. */
export async function startGrpc(tls: Certificates | null): Promise<GrpcServer> {
  const server = new Server();
  new HealthImplementation({ "": "SERVING", shop: "SERVING", mail: "NOT_SERVING" }).addToServer(server);
  const credentials = tls === null ? ServerCredentials.createInsecure() : ServerCredentials.createSsl(null, [await keyPair(tls)]);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  return {
    port,
    stop: async () => server.forceShutdown(),
  };
}

const keyPair = async ({ paths }: Certificates) => ({
  private_key: await readFile(paths.good.key),
  cert_chain: await readFile(paths.good.certificate),
});
