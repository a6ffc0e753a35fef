// The fake in Jest.

"use strict";

const { formatCalls } = require("./format.cjs");
const { useWorlds } = require("./hooks.cjs");

/** @param {import("./index.cjs").FakeOptions} [options] */
function useHelicone(options) {
  // @ts-ignore Jest provides the module to its tests.
  const { afterAll, afterEach, beforeAll, beforeEach } = require("@jest/globals");
  // Hooks that follow a test run in the order of their definition: the world is the test's own until the last.
  const world = useWorlds({ beforeAll, beforeEach, afterEach, afterAll }, options);
  afterEach(async () => {
    if (!hasFailed()) return;
    const calls = await world.calls().then(formatCalls, String);
    console.log(`Calls of the fake Helicone:\n${calls}`);
  });
  return world;
}

/** Whether the current test has failed. Jest has no public call for it. */
function hasFailed() {
  const globals = /** @type {any} */ (globalThis);
  const symbol = Object.getOwnPropertySymbols(globals).find((found) => found.description === "JEST_STATE_SYMBOL");
  return symbol !== undefined && globals[symbol]?.currentlyRunningTest?.errors?.length > 0;
}

module.exports = { useHelicone };
