#!/usr/bin/env node
// Runs the command `promptbook` of this platform.

"use strict";

const { spawn } = require("node:child_process");
const { constants } = require("node:os");
const { command } = require("../lib/command.cjs");

const SIGNALS = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);

let path = "";
try {
  path = command();
} catch (error) {
  console.error(`promptbook: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}
const child = spawn(path, process.argv.slice(2), { stdio: "inherit" });
// A signal is for the command, which decides when it ends.
for (const signal of SIGNALS) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  console.error(`promptbook: ${path} cannot be run: ${error.message}`);
  process.exit(1);
});
child.on("exit", (status, signal) => process.exit(status ?? 128 + (signal ? constants.signals[signal] : 0)));
