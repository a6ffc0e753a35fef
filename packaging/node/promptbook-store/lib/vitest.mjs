// The fake in vitest.

import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { formatCalls } from "./index.cjs";
import { useWorlds } from "./hooks.cjs";

/** @param {import("./index.cjs").FakeOptions} [options] */
export function useHelicone(options) {
  const world = useWorlds({ beforeAll, beforeEach, afterEach, afterAll }, options);
  beforeEach(({ onTestFailed }) => {
    onTestFailed(async () => {
      // The report of the failure is about the test, even if the fake is the reason.
      const calls = await world.calls().then(formatCalls, String);
      console.log(`Calls of the fake Helicone:\n${calls}`);
    });
  });
  return world;
}
