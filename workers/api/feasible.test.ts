import { expect, test } from "vitest";
import { gslbWrite } from "../../domain/gslb.ts";
import { edge } from "../../plugins/backends/edge.ts";
import { gslbProblem } from "./feasible.ts";

const seen = { project: "default", made: [] };

/** A provider that can do less than those there are. */
const lesser = { edge: { supports: { ...edge.supports, policies: ["failover", "round_robin"] as const, maxAnswers: 50, minTtl: 60 } } };

const gslb = (change: object) => gslbWrite.parse({ fqdn: "www.example.com.", domain_name: "example.com.", ...change });

test("a policy that the flavor's provider cannot carry out is a lack of capability that names those it can", () => {
  expect(gslbProblem(gslb({ steering_policy: "round_robin" }), seen, undefined, lesser)).toBeNull();
  expect(gslbProblem(gslb({ steering_policy: "weighted", max_answers: 51 }), seen, undefined, lesser)).toMatchObject({
    type: "capability",
    errors: [
      { pointer: "/steering_policy", detail: "must be one that flavor edge can carry out: failover, round_robin" },
      { pointer: "/max_answers", detail: "must be at most 50, the maximum of flavor edge" },
    ],
  });
});

test("what no flavor could take comes first", () => {
  expect(gslbProblem(gslb({ steering_policy: "weighted", ttl: 59 }), seen, undefined, lesser)).toMatchObject({
    type: "unprocessable",
    errors: [{ pointer: "/ttl" }],
  });
  expect(gslbProblem(gslb({ flavor: "nowhere" }), seen, undefined, lesser)).toMatchObject({
    type: "unprocessable",
    errors: [{ pointer: "/flavor" }],
  });
});
