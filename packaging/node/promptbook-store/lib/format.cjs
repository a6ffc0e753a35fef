// The calls of a fake as text, for a person whose test failed.

"use strict";

const MAX_CHARACTERS = 2000;

/**
 * Returns calls as `World.calls` returns them, each as a few lines of text.
 *
 * @param {readonly any[]} calls
 * @returns {string}
 */
function formatCalls(calls) {
  return calls.flatMap(lines).join("\n") || "no call was made";
}

/**
 * @param {any} call
 * @returns {string[]}
 */
function lines(call) {
  const query = call.query ? `?${call.query}` : "";
  const fault = call.fault ? ` (fault: ${short(call.fault)})` : "";
  const found = [`${call.number}. ${call.method} ${call.path}${query}: ${call.status}${fault}`];
  const sent = call.json ?? call.text;
  if (sent !== undefined) found.push(`   sent ${short(sent)}`);
  const { gateway } = call;
  if (gateway) {
    const named = ["prompt_id", "number", "environment"].filter((name) => gateway[name]);
    const names = named.map((name) => `${name} ${gateway[name]}`).join(", ");
    found.push(`   merged (${names}) ${short(gateway.request)}`);
    if (gateway.unfilled) found.push(`   unfilled ${short(gateway.unfilled)}`);
  }
  return found;
}

/** @param {unknown} value */
function short(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length <= MAX_CHARACTERS ? text : `${text.slice(0, MAX_CHARACTERS)}… (${text.length} characters)`;
}

module.exports = { formatCalls };
