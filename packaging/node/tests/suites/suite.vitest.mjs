// Tests that leave their world changed, and one that fails.

import { beforeEach, expect, test } from "vitest";
import { useHelicone } from "promptbook-store/vitest";
import { GREETING, production } from "../clients.mjs";

const helicone = useHelicone({ fixtures: GREETING });

beforeEach(async () => {
  expect(await helicone.calls()).toEqual([]);
});

test.each([1, 2])("has a world of its own (%i)", async () => {
  expect((await production(helicone)).status).toBe(200);
  await helicone.fault({ kind: "fail", status: 500, error: "never", times: null });
  await helicone.load({ prompts: [] });
});

test("has its address in the environment", () => {
  expect(process.env.HELICONE_BASE_URL).toBe(helicone.url);
  expect(process.env.HELICONE_API_KEY).toBe(helicone.key);
});

test("fails", async () => {
  await production(helicone, "nobody");
  expect(1).toBe(2);
});
