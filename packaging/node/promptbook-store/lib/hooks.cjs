// A world for each test, by the hooks of a test runner.

"use strict";

const { startFake } = require("./fake.cjs");

const VARIABLES = /** @type {const} */ ({ HELICONE_BASE_URL: "url", HELICONE_API_KEY: "key" });

/**
 * Starts a fake before the tests of a file, and a world of it before each test.
 *
 * @param {{ beforeAll: Function, beforeEach: Function, afterEach: Function, afterAll: Function }} hooks
 * @param {object} [options] Those of `startFake`.
 * @returns {any} The world of the current test.
 */
function useWorlds(hooks, options) {
  /** @type {import("./fake.cjs").Fake | undefined} */
  let fake;
  /** @type {any} */
  let world;
  /** @type {Record<string, string | undefined>} */
  let before = {};

  hooks.beforeAll(async () => {
    fake = await startFake(options);
  });
  hooks.beforeEach(async () => {
    // The last world ends only now, because a runner reports a failure after the hooks that follow a test.
    await world?.end().catch(() => {});
    world = await fake?.world();
    for (const [name, member] of Object.entries(VARIABLES)) {
      before[name] = process.env[name];
      process.env[name] = world[member];
    }
  });
  hooks.afterEach(() => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    before = {};
  });
  hooks.afterAll(async () => {
    world = undefined;
    await fake?.stop();
  });

  return new Proxy(
    {},
    {
      get(_, name) {
        if (!world) throw new Error("the world of a test is only available in the test and after its beforeEach");
        const found = world[name];
        return typeof found === "function" ? found.bind(world) : found;
      },
    },
  );
}

module.exports = { useWorlds };
