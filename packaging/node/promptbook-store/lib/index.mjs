// The same values as those of `require`.

export { CallAssertionError, Fake, FakeError, World, command, formatCalls, startFake } from "./index.cjs";
