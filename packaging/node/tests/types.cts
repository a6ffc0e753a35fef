// Compiles if the types are as CommonJS needs them. Nothing runs it.

import { type World, startFake } from "promptbook-store";
import { useHelicone } from "promptbook-store/jest";

export async function all(): Promise<void> {
  const fake = await startFake({ fixtures: "prompts.json" });
  const world: World = await fake.world("sk-mine");
  await world.end();
  await fake.stop();
  console.log(useHelicone().url);
}
