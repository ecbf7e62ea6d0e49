/** Every case, in the order of the page. */
import type { Case } from "./case.ts";
import { dnsCases } from "./dns-cases.ts";
import { grpcCases } from "./grpc-cases.ts";
import { httpCases } from "./http-cases.ts";
import { nameCases } from "./name-cases.ts";
import { otherCases } from "./other-cases.ts";

export const cases: readonly Case[] = [...httpCases, ...nameCases, ...otherCases, ...dnsCases, ...grpcCases];
