// The command `promptbook`, and a fake Helicone for tests.

"use strict";

const { command } = require("./command.cjs");
const { Fake, startFake } = require("./fake.cjs");
const { formatCalls } = require("./format.cjs");
const { CallAssertionError, FakeError, World } = require("./world.cjs");

module.exports = { CallAssertionError, Fake, FakeError, World, command, formatCalls, startFake };
