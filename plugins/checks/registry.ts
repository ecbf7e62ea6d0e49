/** Every check plugin, one line a type. To add one: its file, and its line here. */
export { http } from "./http.ts";
export { https } from "./https.ts";
export { tcp } from "./tcp.ts";
