// Compiles if the types are as an ES module needs them. Nothing runs it.

import { type Call, type Fake, FakeError, command, formatCalls, startFake } from "promptbook-store";
import { useHelicone } from "promptbook-store/vitest";

export async function all(): Promise<void> {
  await using fake: Fake = await startFake({ fixtures: new URL("prompts.json", import.meta.url), args: ["--status", "plain"] });
  await fake.fault({ kind: "fail", status: 503, error: "Try again", times: null });
  // @ts-expect-error There is no such fault.
  await fake.fault({ kind: "explode" });
  await fake.complete("Hello");
  await fake.complete({ tool_calls: [{ name: "lookup", arguments: { city: "Oslo" } }], model: "gpt-4o" });
  const calls: Call[] = await fake.calls();
  const count: number = await fake.assertCalled("POST /v1/responses", { times: { at_least: 1 } });
  const moment: Date = await fake.advance(count);
  console.log(command(), formatCalls(calls), moment, FakeError.name, useHelicone({ fixtures: { prompts: [] } }).key);
}
