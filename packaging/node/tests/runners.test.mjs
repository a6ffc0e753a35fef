// The helpers for vitest and Jest, by suites of which one test fails.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const RUNNERS = {
  vitest: ["vitest", "run", "--root", "suites", "suite.vitest.mjs"],
  jest: ["jest", "--rootDir", "suites", "--testRegex", "suite\\.jest\\.cjs$"],
};

for (const [name, command] of Object.entries(RUNNERS)) {
  test(`${name} has a world for each test, and prints the calls of the test that fails`, () => {
    const env = { ...process.env, NO_COLOR: "1", FORCE_COLOR: "0" };
    const { status, stdout, stderr } = spawnSync("npx", ["--no-install", ...command], { encoding: "utf8", env });
    const said = stdout + stderr;
    assert.equal(status, 1, said);
    assert.match(said, /Tests: .*1 failed.*3 passed|1 failed \| 3 passed/, said);
    assert.equal(said.split("Calls of the fake Helicone:").length, 2, said);
    assert.match(said, /sent \{"promptId":"nobody"\}/, said);
  });
}
