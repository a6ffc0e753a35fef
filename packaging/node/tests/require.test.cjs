// The package in CommonJS.

"use strict";

const assert = require("node:assert/strict");
const { test } = require("node:test");
const required = require("promptbook-store");

test("both module systems have the same values", async () => {
  const imported = await import("promptbook-store");
  assert.deepEqual(Object.keys(required).sort(), Object.keys(imported).sort());
  for (const name of Object.keys(required)) assert.equal(required[name], imported[name], name);
  const fake = await required.startFake();
  assert.ok(fake instanceof imported.Fake);
  await fake.stop();
});
