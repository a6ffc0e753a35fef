// Tests that leave their world changed, and one that fails.

const { beforeEach, expect, test } = require("@jest/globals");
const { useHelicone } = require("promptbook-store/jest");
// Jest runs no ES modules.
const PRODUCTION = "/v1/prompt-2025/query/production-version";

const helicone = useHelicone({
  fixtures: { prompts: [{ id: "greet1", name: "greeting", versions: [{ body: { messages: [] } }] }] },
});

async function production(world, promptId = "greet1") {
  const headers = { Authorization: `Bearer ${world.key}`, "Content-Type": "application/json" };
  return fetch(world.url + PRODUCTION, { method: "POST", headers, body: JSON.stringify({ promptId }) });
}

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
