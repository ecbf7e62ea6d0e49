/** A monitor of ours in the words of blackbox_exporter's configuration (its CONFIGURATION.md), field by field. */
import type { BlackboxModule } from "../servers/blackbox.ts";
import { timeoutMs } from "./case.ts";

type Fields = Readonly<Record<string, unknown>>;

const timeout = `${timeoutMs}ms`;

/** Every status of the list, ranges spelled out. */
function statusesOf(expected: unknown): number[] {
  return (Array.isArray(expected) ? expected : [200]).flatMap((code: number | string) => {
    if (typeof code === "number") return [code];
    const [from = 0, to = 0] = code.split("-").map(Number);
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
}

/** RE2 knows the escapes that every character of ours may need. */
const literally = (text: unknown): string[] => (typeof text === "string" ? [text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")] : []);

/** `caFile`: where the spec's `ca_cert` lies as a file. */
const tlsOf = (spec: Fields, caFile: string | null): Fields => ({
  insecure_skip_verify: spec.insecure === true,
  ...(caFile === null ? {} : { ca_file: caFile }),
  ...(typeof spec.sni === "string" ? { server_name: spec.sni } : {}),
});

export function httpModule(spec: Fields, caFile: string | null, more: Fields = {}): BlackboxModule {
  const credentials = spec.credentials as { username?: string; password?: string; bearer_token?: string } | undefined;
  return {
    prober: "http",
    timeout,
    http: {
      method: spec.http_method ?? "GET",
      valid_status_codes: statusesOf(spec.expected_codes),
      follow_redirects: spec.follow_redirects === true,
      fail_if_body_not_matches_regexp: literally(spec.receive_string),
      fail_if_body_matches_regexp: literally(spec.receive_string_absent),
      headers: spec.headers ?? {},
      preferred_ip_protocol: "ip4",
      enable_http2: false,
      tls_config: tlsOf(spec, caFile),
      ...(spec.payload === undefined ? {} : { body: (spec.payload as { content: string }).content }),
      ...(credentials?.username === undefined ? {} : { basic_auth: { username: credentials.username, password: credentials.password } }),
      ...(credentials?.bearer_token === undefined ? {} : { bearer_token: credentials.bearer_token }),
      ...more,
    },
  };
}

/** It reads lines and wants each expectation to match one of them, in turn; `^` and `$` are a line's. */
export function tcpModule(talk: readonly Fields[], more: Fields = {}): BlackboxModule {
  return { prober: "tcp", timeout, tcp: { preferred_ip_protocol: "ip4", query_response: talk, ...more } };
}

export const tlsModule = (spec: Fields, caFile: string | null): BlackboxModule =>
  tcpModule([], { tls: true, tls_config: tlsOf(spec, caFile) });

export function dnsModule(spec: Fields): BlackboxModule {
  const answers = (spec.dns_answers as readonly string[] | undefined) ?? [];
  return {
    prober: "dns",
    timeout,
    dns: {
      preferred_ip_protocol: "ip4",
      transport_protocol: spec.transport ?? "tcp",
      query_name: spec.dns_name,
      query_type: spec.dns_type ?? "A",
      recursion_desired: false,
      valid_rcodes: [spec.dns_rcode ?? "NOERROR"],
      // Each of them in some record: what one such list says is "at least one", so a case names one.
      ...(answers.length === 0
        ? {}
        : { validate_answer_rrs: { fail_if_none_matches_regexp: literally(answers[0]).map((text) => `\\s"?${text}"?$`) } }),
    },
  };
}
