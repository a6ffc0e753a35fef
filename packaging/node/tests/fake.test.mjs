// The fake as a value: its start, its routes, and its end.

import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { CallAssertionError, FakeError, World, command, formatCalls, startFake } from "promptbook-store";
import { CHAT, GREETING, PRODUCTION, chat, production } from "./clients.mjs";

const place = mkdtempSync(join(tmpdir(), "promptbook-tests-"));

/** Starts a fake that ends with the test. */
async function started(t, options = { fixtures: GREETING }) {
  const fake = await startFake(options);
  t.after(() => fake.stop());
  return fake;
}

function fails(pattern) {
  return (error) => error instanceof FakeError && pattern.test(error.message);
}

test("a fake has an address, and ends when it is stopped", async () => {
  const fake = await startFake({ fixtures: GREETING });
  assert.equal(fake.control, `${fake.url}/__promptbook`);
  assert.deepEqual((await production(fake)).json.data.environments, ["production"]);
  assert.ok(fake instanceof World);
  await fake.stop();
  await fake.stop();
  await assert.rejects(fake.reset(), fails(/ended with status 0/));
});

test("fixtures are a path, a URL or a value", async (t) => {
  const file = join(place, "prompts.json");
  writeFileSync(file, JSON.stringify(GREETING));
  for (const fixtures of [file, pathToFileURL(file), GREETING]) {
    const fake = await started(t, { fixtures });
    assert.deepEqual((await fake.fixtures()).prompts.map((prompt) => prompt.name), ["greeting"]);
  }
});

test("a fake that cannot start says why", async () => {
  const file = join(place, "wrong.json");
  writeFileSync(file, '{"prompts": [{"nam": "greeting"}]}');
  await assert.rejects(startFake({ fixtures: file }), fails(/cannot start: .*wrong\.json.*unknown field `nam`/));
  await assert.rejects(startFake({ fixtures: { prompts: [{ nam: "greeting" }] } }), fails(/unknown field `nam`/));
  await assert.rejects(startFake({ args: ["--nonsense"] }), fails(/unexpected argument '--nonsense'/));
});

test("a program that is no fake is reported", async () => {
  const program = (text) => {
    const path = join(place, "program");
    writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return path;
  };
  const ended = startFake({ command: program("echo no such thing >&2; exit 3") });
  await assert.rejects(ended, fails(/ended with status 3 before it started:\nno such thing/));
  const silent = startFake({ command: program("exec sleep 100"), timeout: 200 });
  await assert.rejects(silent, fails(/did not start within 0.2 s/));
  await assert.rejects(startFake({ command: program("echo hello; exit 1") }), fails(/printed no address/));
  await assert.rejects(startFake({ command: join(place, "nothing") }), fails(/cannot be run/));
});

test("a fake that was killed is reported at once", async () => {
  const fake = await startFake();
  const { child } = fake._process;
  const exited = new Promise((resolve) => child.once("close", resolve));
  child.ref();
  child.kill("SIGKILL");
  await exited;
  await assert.rejects(fake.calls(), fails(/ended with SIGKILL/));
});

test("faults and answers are scripted", async (t) => {
  const fake = await started(t);
  await fake.fault({ kind: "fail", status: 503, error: "Try again", route: PRODUCTION });
  assert.deepEqual(await production(fake), { status: 503, json: { data: null, error: "Try again" } });
  assert.equal((await production(fake)).status, 200);
  await fake.complete({ text: "Hello Ada", prompt: "greet1" });
  assert.equal(await chat(fake, "Ada"), "Hello Ada");
  assert.equal(await chat(fake, "Ada"), "An answer of gpt-4o to prompt greet1, version 1.0 (production).");
  await assert.rejects(fake.fault({ kind: "explode" }), fails(/explode/));
});

test("calls are listed, formatted and asserted", async (t) => {
  const fake = await started(t);
  await production(fake);
  await chat(fake, "Ada");
  const [call] = await fake.calls(CHAT);
  assert.deepEqual(call.gateway.request.messages, [{ role: "user", content: "Greet Ada." }]);
  assert.match(formatCalls(await fake.calls()), /^1\. POST .*: 200\n   sent \{"promptId":"greet1"\}\n2\. /);
  assert.equal(formatCalls([]), "no call was made");
  assert.equal(await fake.assertCalled(PRODUCTION), 1);
  await fake.assertCalled(CHAT, { times: 1, gateway: { number: "1.0" } });
  await fake.assertOrder([{ route: PRODUCTION }, { route: CHAT }], { only: true });
  const wrong = fake.assertCalled(PRODUCTION, { times: 2 });
  await assert.rejects(wrong, (error) => error instanceof CallAssertionError && /expected 2 times/.test(error.message));
  await fake.reset();
  assert.deepEqual(await fake.calls(), []);
});

test("the clock is the test's", async (t) => {
  const fake = await started(t);
  const start = await fake.now();
  assert.equal((await fake.advance(90_000)) - start, 90_000);
  assert.equal((await fake.setTime(new Date("2030-01-01T00:00:00Z"))).getUTCFullYear(), 2030);
});

test("worlds do not see each other", async (t) => {
  const fake = await started(t);
  const [one, two] = [await fake.world(), await fake.world("sk-two")];
  assert.equal(two.key, "sk-two");
  await one.load({ prompts: [] });
  assert.equal((await production(two)).status, 200);
  assert.equal((await two.calls()).length, 1);
  assert.deepEqual([await one.calls(), await fake.calls()], [[], []]);
  await two.end();
  await assert.rejects(two.reset(), fails(/./));
});

test("a fake that is not stopped does not keep its process from ending", async () => {
  const script = 'import { startFake } from "promptbook-store"; console.log((await startFake()).url);';
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
  // It ends with that process, which may take a moment.
  for (let tries = 0; tries < 500; tries++) {
    const gone = await fetch(stdout.trim()).then(() => false, () => true);
    if (gone) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail("the fake still runs");
});

test("the command is the package's own, and npm's launcher runs it", () => {
  assert.match(command(), /node_modules\/@promptbook-store\/.*\/bin\/promptbook$/);
  const launcher = join(import.meta.dirname, "node_modules/.bin/promptbook");
  assert.match(execFileSync(launcher, ["--version"], { encoding: "utf8" }), /^promptbook \d/);
  const wrong = () => execFileSync(launcher, ["no-such-command"], { stdio: "pipe" });
  assert.throws(wrong, (error) => error.status === 2 && /no-such-command/.test(error.stderr));
});
