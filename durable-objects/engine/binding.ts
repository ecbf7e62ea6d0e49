/**
 * A flavor as it is stored becomes one that can be called: the plugin of its provider, its settings, and its credentials, which are opened here
 * and stay in memory. One that cannot be bound is called all the same and says why. What a plugin says goes out without what is secret in it.
 */
import type { z } from "zod";
import {
  type Backend,
  BackendFailure,
  type BackendIo,
  type BackendPlugin,
  type BackendSupport,
  type WholeFailure,
  type WriteFailure,
  type WriteOutcome,
} from "../../domain/backend.ts";
import { type DriftSettings, defaultDrift } from "../../domain/drift.ts";
import type { Flavor } from "../../domain/flavor.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { Sealed } from "../rpc-backends.ts";
import { flavorPlace, open, type SealingKeys } from "../seal.ts";
import type { BoundFlavor } from "./ports.ts";

export type Plugins = Readonly<Record<string, BackendPlugin>>;

type Fields = Readonly<Record<string, unknown>>;
type Called = Backend<unknown, unknown>;

/** The failure's words hold no secret. */
export async function bind(flavor: Sealed<Flavor>, plugins: Plugins, keys: SealingKeys): Promise<Result<BoundFlavor, WholeFailure>> {
  const { name, provider } = flavor;
  const plugin = Object.hasOwn(plugins, provider) ? plugins[provider] : undefined;
  if (plugin === undefined) {
    return fail({
      class: "not-found",
      detail: `the flavor ${name} is of the provider ${provider}, which this version of Kosmos does not have`,
    });
  }
  const settings = plugin.settings.safeParse(flavor.settings);
  if (!settings.success) {
    return fail({ class: "not-found", detail: `the settings of the flavor ${name} do not fit ${provider}: ${fieldsIn(settings.error)}` });
  }
  const opened = flavor.sealed === null ? ok("{}") : await open(flavor.sealed, flavorPlace(name), keys);
  if (!opened.ok) return fail({ class: "credentials", detail: `the credentials of the flavor ${name} do not open: ${opened.error}` });
  const credentials = plugin.credentials.safeParse(fieldsOf(opened.value));
  if (!credentials.success) {
    return fail({
      class: "credentials",
      detail: `the credentials of the flavor ${name} do not fit ${provider}: ${fieldsIn(credentials.error)}`,
    });
  }
  const fields = settings.data as Fields;
  const secret = credentials.data as Fields;
  return ok({ plugin: guarded(plugin, withoutSecrets(secret)), settings: fields, credentials: secret, drift: driftOf(fields) });
}

/** In the place of a flavor that could not be bound: whatever it is asked to write fails with the reason. */
export function unbound(provider: string, failure: WholeFailure, plugin: BackendPlugin | undefined): BoundFlavor {
  const { title, settings, credentials, supports = bare } = plugin ?? {};
  const nothing = { safeParse: () => fail(null) } as unknown as z.ZodType;
  return {
    plugin: {
      provider,
      title: title ?? provider,
      settings: settings ?? nothing,
      credentials: credentials ?? nothing,
      supports: { ...supports, readBack: false },
      identity: () => "",
      write: async () => failure,
    },
    settings: {},
    credentials: {},
  };
}

const bare: BackendSupport = { policies: [], recordTypes: [], maxAnswers: 1, minTtl: 1, batch: 1, readBack: false };

function driftOf({ drift_interval: seconds, on_drift: onDrift }: Fields): DriftSettings {
  return {
    intervalMs: typeof seconds === "number" ? seconds * 1_000 : defaultDrift.intervalMs,
    onDrift: onDrift === "hold" ? "hold" : "reassert",
  };
}

/** Only where the mistake is: what stands there may be secret. */
const fieldsIn = ({ issues }: z.ZodError): string =>
  [
    ...new Set(
      issues.map(({ path, code }) => path.join(".") || (code === "unrecognized_keys" ? "a field that is not known" : "as a whole")),
    ),
  ].join(", ");

function fieldsOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** What a plugin says to people, or throws, has none of its credentials in it; the Answers objects are `edge`'s alone. */
function guarded(plugin: BackendPlugin, clean: (text: string) => string): BackendPlugin {
  const failed = <F extends WriteFailure>(failure: F): F => ({ ...failure, detail: clean(failure.detail) });
  const call = async <T>(work: (backend: Called) => Promise<T>, backend: Called): Promise<T> => {
    try {
      return await work({ ...backend, io: plugin.provider === "edge" ? backend.io : withoutAnswers(backend.io) });
    } catch (error) {
      if (error instanceof BackendFailure) throw new BackendFailure(failed(error.failure));
      throw new Error(clean(error instanceof Error ? error.message : String(error)));
    }
  };
  const outcomeOf = (outcome: WriteOutcome): WriteOutcome =>
    "class" in outcome ? failed(outcome) : outcome.map((result) => (result.ok ? result : fail(failed(result.error))));
  const { read, test } = plugin;
  return {
    ...plugin,
    write: async (zone, changes, backend) => outcomeOf(await call((with_) => plugin.write(zone, changes, with_), backend)),
    ...(read === undefined ? {} : { read: (zone, fqdns, backend) => call((with_) => read.call(plugin, zone, fqdns, with_), backend) }),
    ...(test === undefined
      ? {}
      : {
          test: async (zones, backend) => {
            const { details } = await call((with_) => test.call(plugin, zones, with_), backend);
            return { details: details.map(clean) };
          },
        }),
  };
}

const withoutAnswers = ({ answers: _, ...io }: BackendIo): BackendIo => io;

/** Fields that say who somebody is, which people need to see, and not how it is proven. */
const isShown = (field: string): boolean => /(^|_)(id|name|username)$/.test(field);
const leastSecret = 4;

/** Takes the secrets out of a text. */
function withoutSecrets(credentials: Fields): (text: string) => string {
  const secrets = Object.entries(credentials)
    .flatMap(([field, value]) => (typeof value === "string" && !isShown(field) && value.length >= leastSecret ? [value] : []))
    .flatMap((value) => [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)])
    .toSorted((a, b) => b.length - a.length);
  return (text) => secrets.reduce((left, secret) => left.replaceAll(secret, "***"), text);
}
