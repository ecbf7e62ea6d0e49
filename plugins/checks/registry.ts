/** Every check plugin, one line a type. To add one: its file, and its line here. */
export { calculated } from "./calculated.ts";
export { dns } from "./dns.ts";
export { grpc } from "./grpc.ts";
export { heartbeat } from "./heartbeat.ts";
export { http } from "./http.ts";
export { https } from "./https.ts";
export { ping } from "./ping.ts";
export { smtp } from "./smtp.ts";
export { ssh } from "./ssh.ts";
export { tcp } from "./tcp.ts";
export { tls } from "./tls.ts";
export { udp } from "./udp.ts";
