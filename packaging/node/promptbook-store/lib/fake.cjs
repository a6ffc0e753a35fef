// The process `promptbook fake`: its start, its address and its end.

"use strict";

const { spawn } = require("node:child_process");
const { createInterface } = require("node:readline");
const { fileURLToPath } = require("node:url");
const { command: installed } = require("./command.cjs");
const { FakeError, World } = require("./world.cjs");

// They are the real ones even if a test replaces the clock later.
const { setTimeout, clearTimeout } = globalThis;

const START_TIMEOUT = 20_000;
const STOP_TIMEOUT = 5_000;
const MAX_REASON_CHARACTERS = 4096;

class Fake extends World {
  /**
   * @param {FakeProcess} process
   * @param {{ url: string, key: string, control: string }} address
   */
  constructor(process, address) {
    super(address, () => process.ended());
    /** @private */
    this._process = process;
  }

  async stop() {
    await this._process.stop();
  }

  async [Symbol.asyncDispose]() {
    await this.stop();
  }
}

class FakeProcess {
  /**
   * @param {string} path
   * @param {string[]} args
   */
  constructor(path, args) {
    this.said = "";
    this.child = spawn(path, ["fake", ...args, "--until-stdin-closes"], { stdio: "pipe" });
    this.closed = new Promise((resolve) => this.child.once("close", resolve));
    // A write to a fake that has ended.
    this.child.stdin.on("error", () => {});
    this.child.stderr.on("data", (chunk) => {
      this.said = (this.said + chunk).slice(-MAX_REASON_CHARACTERS);
    });
  }

  /**
   * Returns the fake's address, or throws its reason.
   *
   * @param {number} timeout
   * @returns {Promise<{ url: string, key: string, control: string }>}
   */
  async address(timeout) {
    /** @type {NodeJS.Timeout | undefined} */
    let timer;
    /** @type {Promise<string>} */
    const first = new Promise((resolve, reject) => {
      timer = setTimeout(
        () => reject(new FakeError(`promptbook fake did not start within ${timeout / 1000} s${this.reason()}`)),
        timeout,
      );
      this.child.once("error", (error) =>
        reject(new FakeError(`${this.child.spawnfile} cannot be run: ${error.message}`, { cause: error })),
      );
      this.child.once("close", (status) =>
        reject(new FakeError(`promptbook fake ended with status ${status} before it started${this.reason()}`)),
      );
      createInterface({ input: this.child.stdout }).once("line", resolve);
    });
    try {
      const { error, ...address } = JSON.parse(await first);
      if (error) {
        const hint = error.hint ? ` (${error.hint})` : "";
        throw new FakeError(`promptbook fake cannot start: ${error.message}${hint}`);
      }
      return address;
    } catch (error) {
      if (error instanceof FakeError) throw error;
      throw new FakeError(`promptbook fake printed no address: ${error}`);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Lets the process of the tests end while the fake runs, which then ends too. */
  unref() {
    this.child.unref();
    for (const pipe of [this.child.stdin, this.child.stdout, this.child.stderr]) {
      if ("unref" in pipe && typeof pipe.unref === "function") pipe.unref();
    }
  }

  ended() {
    const { exitCode, signalCode } = this.child;
    if (exitCode === null && signalCode === null) return undefined;
    return `promptbook fake ended with ${signalCode ?? `status ${exitCode}`}${this.reason()}`;
  }

  reason() {
    const said = this.said.trim();
    return said ? `:\n${said}` : "";
  }

  async stop() {
    this.child.stdin.end();
    this.child.kill("SIGTERM");
    this.child.ref();
    const timer = setTimeout(() => this.child.kill("SIGKILL"), STOP_TIMEOUT);
    await this.closed;
    clearTimeout(timer);
  }
}

/**
 * Starts a fake Helicone.
 *
 * @param {{ fixtures?: string | URL | object, args?: string[], command?: string, timeout?: number }} [options]
 * @returns {Promise<Fake>}
 */
async function startFake(options = {}) {
  const { fixtures, args = [], timeout = START_TIMEOUT } = options;
  const path = fixtures instanceof URL ? fileURLToPath(fixtures) : fixtures;
  const given = typeof path === "string" ? [...args, "--fixtures", path] : args;
  const process = new FakeProcess(program(options.command), given);
  try {
    const fake = new Fake(process, await process.address(timeout));
    if (typeof path === "object") await fake.load(path);
    process.unref();
    return fake;
  } catch (error) {
    process.child.kill("SIGKILL");
    throw error;
  }
}

/** @param {string} [named] */
function program(named) {
  try {
    return named ?? installed();
  } catch (error) {
    throw new FakeError(error instanceof Error ? error.message : String(error));
  }
}

module.exports = { Fake, startFake };
