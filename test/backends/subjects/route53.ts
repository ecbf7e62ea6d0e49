/** Amazon Route 53, as the double has it: none can run here. */
import { route53 } from "../../../plugins/backends/route53.ts";
import { Route53Double } from "../../doubles/route53.ts";
import type { Subject, SubjectKind } from "../subject.ts";

const keys = { access_key_id: "AKIDEXAMPLE0000000", secret_access_key: "3xampl3/S3cr3t+Acc3ssK3yOfTheDouble00000" };
const zone = "gslb.test.";

export const route53Subject: SubjectKind = {
  name: "route53",
  provider: "route53",
  against: "a double after the service's documentation",
  needs: [],
  cannot: {},
  start: async (): Promise<Subject> => {
    const double = new Route53Double(keys, () => Date.now());
    // A change is asked for once before it is everywhere.
    double.pendingFor = 1;
    // The suite does not wait for five requests a second to be enough: a unit test does, with a clock of its own.
    double.perSecond = Number.POSITIVE_INFINITY;
    const hosted = double.addZone("Z0123456789", zone);
    const other = { identifier: null, routing: "", ttl: 300 };
    hosted.sets = [...hosted.sets, { ...other, name: `mail.${zone}`, type: "A", values: ["203.0.113.25"] }];
    return {
      plugin: route53,
      settings: { endpoint: double.endpoint },
      credentials: keys,
      wrongCredentials: { ...keys, secret_access_key: "n0t/Th3/S3cr3t" },
      io: {
        fetch: double.fetch,
        connect: () => {
          throw new Error("Route 53 is asked over HTTPS");
        },
      },
      zone,
      missingZone: "missing.test.",
      dump: async () => hosted.sets.flatMap(({ name, type, ttl, values }) => values.map((data) => ({ name, type, ttl, data }))),
      byHand: async (fqdn, type, ttl, values) => {
        const rest = hosted.sets.filter((set) => set.name !== fqdn || set.type !== type);
        hosted.sets = values.length === 0 ? rest : [...rest, { name: fqdn, type, identifier: null, routing: "", ttl, values: [...values] }];
      },
      patienceMs: 5_000,
      stop: async () => undefined,
    };
  },
};
