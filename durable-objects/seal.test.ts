import { describe, expect, it } from "vitest";
import { openSpec, seal, sealSecrets } from "./seal.ts";

const key = (byte: number) => ({ KOSMOS_ENCRYPTION_KEY: Buffer.alloc(32, byte).toString("base64") });
const keys = key(7);
const secrets = { secret_headers: { authorization: "Bearer hush" }, credentials: "user:word" };

async function sealed(project = "default", with_ = keys) {
  const made = await sealSecrets(secrets, project, with_);
  if (!made.ok) throw new Error(made.error);
  return made.value;
}

describe("the secrets of a monitor", () => {
  it("come back in their places, of whatever shape, and nothing is left of how they were stored", async () => {
    const stored = await sealed();
    expect(JSON.stringify(stored)).not.toMatch(/hush|word/);
    expect(await openSpec({ url_path: "/", sealed: stored }, "default", keys)).toEqual({ ok: true, value: { url_path: "/", ...secrets } });
  });

  it("leave a monitor without any as it is", async () => {
    expect(await openSpec({ port: 1 }, "default", {})).toEqual({ ok: true, value: { port: 1 } });
    expect(await openSpec({ port: 1, sealed: null }, "default", {})).toEqual({ ok: true, value: { port: 1 } });
    expect(await openSpec({ port: 1, sealed: {} }, "default", {})).toEqual({ ok: true, value: { port: 1 } });
  });

  it("open only in their project and in their field", async () => {
    const stored = await sealed();
    const elsewhere = await openSpec({ sealed: stored }, "other", keys);
    expect(elsewhere).toEqual({ ok: false, error: "secret_headers: a stored secret does not open: it was damaged, or moved" });
    const moved = await openSpec({ sealed: { credentials: stored.secret_headers } }, "default", keys);
    expect(moved).toEqual({ ok: false, error: "credentials: a stored secret does not open: it was damaged, or moved" });
  });

  it("open with the key before, and say so where no key fits", async () => {
    const stored = await sealed();
    const rotated = { ...key(8), KOSMOS_ENCRYPTION_KEY_PREVIOUS: keys.KOSMOS_ENCRYPTION_KEY };
    expect(await openSpec({ sealed: stored }, "default", rotated)).toEqual({ ok: true, value: secrets });
    expect(await openSpec({ sealed: stored }, "default", key(8))).toMatchObject({
      error: "secret_headers: a stored secret was sealed with a key that is not there any more",
    });
    expect(await openSpec({ sealed: stored }, "default", {})).toMatchObject({
      error: "secret_headers: KOSMOS_ENCRYPTION_KEY is not set in this deployment",
    });
  });

  it.each(["no object", { credentials: 5 }, { credentials: "v2.x.y" }])("cannot be read from %j", async (wrong) => {
    expect(await openSpec({ sealed: wrong }, "default", keys)).toMatchObject({
      ok: false,
      error: expect.stringContaining("cannot be read"),
    });
  });

  it("cannot be read where something else was sealed", async () => {
    const text = await seal("no json", "default/monitor/credentials", keys);
    expect(await openSpec({ sealed: { credentials: text.ok ? text.value : "" } }, "default", keys)).toMatchObject({ ok: false });
  });

  it("are not sealed without a key", async () => {
    expect(await sealSecrets(secrets, "default", {})).toEqual({ ok: false, error: "KOSMOS_ENCRYPTION_KEY is not set in this deployment" });
  });
});
