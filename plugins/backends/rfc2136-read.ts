/**
 * What is live at names of a zone, asked with signed queries. Not by a transfer, which would be of the whole zone, and not by ANY, which servers answer
 * in part (RFC 8482). What a wildcard answers is told apart: it is not at the name, and no update would meet it.
 */
import { Buffer } from "node:buffer";
import { type Answer, decode, encode, type RecordType } from "dns-packet";
import { BackendFailure, type LiveRecords, type LiveSet, type WholeFailure } from "../../domain/backend.ts";
import { limits } from "../../domain/limits.ts";
import { type Mark, markIn, markName } from "../../domain/ownership.ts";
import { answeredData, answeredName } from "../checks/dns-record.ts";
import type { Answered, Reply, Session } from "./dns-session.ts";
import { absent, exists } from "./dns-update.ts";
import { recordsIn } from "./dns-walk.ts";
import { type Asking, queryFailure, update } from "./rfc2136-answers.ts";

/** The strings of each TXT record where the mark stands, as they were read: what the next write compares with. */
export type Handle = { readonly mark: readonly (readonly Uint8Array[])[] };

const questionsOfName = (fqdn: string): readonly [name: string, type: RecordType][] => [
  [fqdn, "A"],
  [fqdn, "AAAA"],
  [markName(fqdn), "TXT"],
];

/** Throws `BackendFailure`: of a part nothing can be said. */
export async function readNames(session: Session, fqdns: readonly string[], asking: Asking): Promise<LiveRecords[]> {
  const questions = fqdns.flatMap(questionsOfName);
  const [soa, ...rest] = await session.ask([query(asking.zone, "SOA"), ...questions.map(([name, type]) => query(name, type))]);
  const problem = soa === undefined ? noReply : zoneProblem(soa, asking);
  if (problem !== null) throw new BackendFailure(problem);
  const replies = rest.map((answer) => readReply(answer, asking));
  const found = fqdns.map((fqdn, index) => {
    const [a, aaaa, txt] = replies.slice(3 * index, 3 * index + 3);
    if (a === undefined || aaaa === undefined || txt === undefined) throw new BackendFailure(noReply);
    return foundAt(fqdn, a, aaaa, txt);
  });
  return withoutWildcards(session, found, asking);
}

/** What is wrong with the zone, by the answer to the question for its SOA; null: the server is an authority for it. */
export function zoneProblem(answer: Answered, asking: Asking): WholeFailure | null {
  if (!answer.ok) return answer.error;
  const failure = queryFailure(answer.value, asking);
  if (failure !== null) return failure;
  const isZone = answer.value.isAuthoritative && recordsAt(asking.zone, recordsOf(answer.value)).some(({ type }) => type === "SOA");
  return isZone ? null : { class: "not-found", detail: `${asking.zone} is no zone of the server's` };
}

/** `ANY` is a type of questions that dns-packet writes, and its types do not have. */
export const query = (name: string, type: RecordType | "ANY"): Uint8Array =>
  new Uint8Array(encode({ type: "query", id: 0, flags: 0, questions: [{ name: name.replace(/\.$/, ""), type: type as RecordType }] }));

/**
 * Names that own records, of those that are asked for: what a wildcard answers is not counted (RFC 2136, 2.4.4). Asked with updates that are only
 * prerequisites: whether all do, else whether none does, else of the halves. Where the server does not tell, they do.
 */
export async function namesInUse(session: Session, names: readonly string[], asking: Asking): Promise<Set<string>> {
  const inUse = new Set<string>();
  const groups = Array.from({ length: Math.ceil(names.length / namesAtOnce) }, (_, at) =>
    names.slice(at * namesAtOnce, (at + 1) * namesAtOnce),
  );
  for (let group = groups.pop(); group !== undefined; group = groups.pop()) {
    const holds = async (what: typeof exists) => {
      const prerequisites = group?.map((name) => what(name, "ANY")) ?? [];
      return (await update(session, { zone: asking.zone, prerequisites, updates: [] }, asking)).kind;
    };
    if ((await holds(exists)) !== "changed") for (const name of group) inUse.add(name);
    else if (group.length > 1 && (await holds(absent)) !== "done") {
      const middle = Math.ceil(group.length / 2);
      groups.push(group.slice(0, middle), group.slice(middle));
    }
  }
  return inUse;
}
/** Of the longest names so many fit in a message. */
const namesAtOnce = 200;

/** The types of records at a name; what signs them is not counted. */
export function typesAt(name: string, reply: Reply): Set<string> {
  const types = recordsAt(name, recordsOf(reply)).map(({ type }) => type as string);
  return new Set(types.filter((type) => !signing.has(type)));
}
const signing = new Set(["RRSIG", "NSEC", "NSEC3"]);

type Found = {
  readonly fqdn: string;
  readonly answers: readonly LiveSet[];
  readonly texts: readonly (readonly Uint8Array[])[];
  readonly error: string | null;
};

function readReply(answer: Answered, asking: Asking): Reply {
  if (!answer.ok) throw new BackendFailure(answer.error);
  const failure = queryFailure(answer.value, asking);
  if (failure !== null) throw new BackendFailure(failure);
  return answer.value;
}

function foundAt(fqdn: string, a: Reply, aaaa: Reply, txt: Reply): Found {
  const [ipv4, ipv6] = [recordsOf(a), recordsOf(aaaa)];
  const answers = (["A", "AAAA", "CNAME"] as const).flatMap((type): LiveSet[] => {
    const records = recordsAt(fqdn, type === "AAAA" ? ipv6 : ipv4).filter((record) => record.type === type);
    const values = records.map((record) => answeredData(record) ?? malformed(fqdn)).toSorted();
    const ttls = records.map((record) => ("ttl" in record ? (record.ttl ?? 0) : 0));
    return values.length === 0 ? [] : [{ type, values, ttl: Math.min(...ttls) }];
  });
  const texts = recordsAt(markName(fqdn), recordsOf(txt)).flatMap((record) =>
    record.type === "TXT"
      ? [[record.data].flat().map((piece) => new Uint8Array(typeof piece === "string" ? Buffer.from(piece) : piece))]
      : [],
  );
  return { fqdn, answers, texts, error: elsewhere(fqdn, a, ipv4) };
}

/** Why the server does not speak for the name, although it does for the zone. */
function elsewhere(fqdn: string, reply: Reply, records: readonly Answer[]): string | null {
  if (!reply.isAuthoritative) return `${fqdn} is below a delegation: the server does not answer for it`;
  return records.some(({ type }) => type === "DNAME") ? `${fqdn} is below a DNAME: no record can stand there` : null;
}

async function withoutWildcards(session: Session, found: readonly Found[], asking: Asking): Promise<LiveRecords[]> {
  const doubtful = found.flatMap(({ fqdn, answers, texts }) =>
    markOf(texts) !== null ? [] : [...(answers.length > 0 ? [fqdn] : []), ...(texts.length > 0 ? [markName(fqdn)] : [])],
  );
  const inUse = await namesInUse(session, doubtful, asking);
  return found.map(({ fqdn, answers, texts, error }) => {
    const mark = markOf(texts);
    const isThere = (name: string) => mark !== null || inUse.has(name);
    const handle: Handle = { mark: isThere(markName(fqdn)) ? texts : [] };
    return {
      fqdn,
      ...(mark === null ? { epoch: null, number: null } : mark),
      answers: isThere(fqdn) ? answers : [],
      ...(error === null ? {} : { state: { error } }),
      ...(handle.mark.length === 0 ? {} : { handle }),
    };
  });
}

function markOf(texts: Found["texts"]): Mark | null {
  const marks = texts.map((strings) => markIn(strings.map((string) => Buffer.from(string).toString("latin1")).join("")));
  return marks.find((mark) => mark !== null) ?? null;
}

/** The answer section; what cannot be read says nothing. */
function recordsOf({ message }: Reply): readonly Answer[] {
  if ((recordsIn(message)?.length ?? limits.dnsRecords) >= limits.dnsRecords) throw new BackendFailure(unreadable);
  try {
    return decode(Buffer.from(message.buffer, message.byteOffset, message.byteLength)).answers ?? [];
  } catch {
    throw new BackendFailure(unreadable);
  }
}

const recordsAt = (name: string, records: readonly Answer[]): readonly Answer[] =>
  records.filter((record) => answeredName(record.name) === name);

const noReply: WholeFailure = { class: "retry", detail: "the server did not answer" };
const unreadable: WholeFailure = { class: "retry", detail: "the server's answer is not a valid DNS message, or too long" };
const malformed = (fqdn: string): never => {
  throw new BackendFailure({ class: "retry", detail: `the server's answer for ${fqdn} is malformed` });
};
