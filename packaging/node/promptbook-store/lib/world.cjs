// A world of a fake: its address, and calls of its control routes.

"use strict";

const http = require("node:http");

// They are the real ones even if a test replaces the clock or the network later.
const { request: send } = http;

const CALL_TIMEOUT = 30_000;

/** The fake could not start, refused a call of its control routes, or ended. */
class FakeError extends Error {
  name = "FakeError";
}

/** A control route refused a call. */
class RefusedError extends FakeError {}

/** A check of calls failed. */
class CallAssertionError extends Error {
  name = "AssertionError";
}

class World {
  /**
   * @param {{ url: string, key: string, control: string }} address
   * @param {() => string | undefined} ended Returns how the fake ended, if it did.
   */
  constructor(address, ended) {
    this.url = address.url;
    this.key = address.key;
    this.control = address.control;
    /** @protected */
    this._ended = ended;
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   * @returns {Promise<any>}
   */
  async request(method, path, body) {
    const text = await this._send(method, path ? `${this.control}/${path}` : this.control, body);
    const { data, error } = JSON.parse(text);
    if (error !== null) throw new RefusedError(error);
    return data;
  }

  /**
   * @private
   * @param {string} method
   * @param {string} url
   * @param {unknown} body
   * @returns {Promise<string>}
   */
  _send(method, url, body) {
    const headers = { Authorization: `Bearer ${this.key}`, "Content-Type": "application/json" };
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    return new Promise((resolve, reject) => {
      /** @param {Error} error */
      const fail = (error) => {
        const reason = this._ended() ?? `promptbook fake does not answer at ${this.control}: ${error.message}`;
        reject(new FakeError(reason, { cause: error }));
      };
      // A connection that remains open would keep the process of the tests from ending.
      const request = send(url, { method, headers, agent: false, timeout: CALL_TIMEOUT }, (response) => {
        /** @type {Buffer[]} */
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("error", fail);
        response.on("end", () => resolve(Buffer.concat(chunks).toString()));
      });
      request.on("error", fail);
      request.on("timeout", () => request.destroy(new Error(`no answer within ${CALL_TIMEOUT / 1000} s`)));
      request.end(bytes);
    });
  }

  async reset() {
    await this.request("POST", "reset");
  }

  /** @param {object} fixtures */
  async load(fixtures) {
    await this.request("PUT", "fixtures", fixtures);
  }

  async fixtures() {
    return this.request("GET", "fixtures");
  }

  /** @param {object} fault */
  async fault(fault) {
    await this.request("POST", "faults", fault);
  }

  /** @param {string | object} completion */
  async complete(completion) {
    await this.request("POST", "completions", typeof completion === "string" ? { text: completion } : completion);
  }

  /** @param {string} [route] */
  async calls(route) {
    const query = route === undefined ? "" : `?route=${encodeURIComponent(route)}`;
    return (await this.request("GET", `calls${query}`)).calls;
  }

  /**
   * @param {string} route
   * @param {object} [expected]
   */
  async assertCalled(route, expected) {
    return this._assert({ route, ...expected });
  }

  /**
   * @param {object[]} order
   * @param {object} [expected]
   */
  async assertOrder(order, expected) {
    return this._assert({ order, ...expected });
  }

  /**
   * @private
   * @param {object} expected
   * @returns {Promise<number>}
   */
  async _assert(expected) {
    try {
      return (await this.request("POST", "calls/assert", expected)).count;
    } catch (error) {
      if (error instanceof RefusedError) throw new CallAssertionError(error.message);
      throw error;
    }
  }

  async now() {
    return new Date((await this.request("GET", "clock")).now);
  }

  /** @param {Date} now */
  async setTime(now) {
    return new Date((await this.request("PUT", "clock", { now: now.toISOString() })).now);
  }

  /** @param {number} milliseconds */
  async advance(milliseconds) {
    return new Date((await this.request("PUT", "clock", { advance_ms: milliseconds })).now);
  }

  /**
   * @param {string} [key]
   * @returns {Promise<World>}
   */
  async world(key) {
    return new World(await this.request("POST", "worlds", key === undefined ? {} : { key }), this._ended);
  }

  async end() {
    await this.request("DELETE", "worlds");
  }
}

module.exports = { CallAssertionError, FakeError, World };
