/** A JSON object, or its members. */
export type JsonObject = Record<string, unknown>;

/** The options of a fake. */
export interface FakeOptions {
  /** The prompts that it begins with: the path of a JSON file or of a folder of bodies, or the fixtures themselves. */
  fixtures?: string | URL | { prompts: unknown[] };
  /** Other options of `promptbook fake`, such as `["--status", "plain"]`. */
  args?: string[];
  /** The program, by default the result of `command()`. */
  command?: string;
  /** The milliseconds after which a fake that has not started is an error; 20 000 by default. */
  timeout?: number;
}

/** A fault. `times` is 1 by default; `null` is always. */
export type Fault = { route?: string; times?: number | null } & (
  | { kind: "fail"; status: number; error?: string; json?: unknown; text?: string; headers?: JsonObject }
  | { kind: "delay"; delay_ms: number }
  | { kind: "timeout" | "close" | "cut" }
);

/** An answer to requests for models: the members of `POST completions`. */
export interface Completion {
  text?: string;
  tool_calls?: { id?: string; name: string; arguments: unknown }[];
  refusal?: string;
  json?: unknown;
  status?: number;
  error?: string;
  headers?: JsonObject;
  finish_reason?: string;
  usage?: JsonObject;
  delay_ms?: number;
  token_delay_ms?: number;
  cut?: boolean;
  prompt?: string;
  model?: string;
  content?: string;
  times?: number | null;
}

/** The request that a model would have got, and the version in it. */
export interface GatewayCall {
  request: JsonObject;
  request_id: string;
  prompt_id?: string;
  version_id?: string;
  number?: string;
  environment?: string;
  inputs?: JsonObject;
  unfilled?: unknown[];
}

/** A call of a client. */
export interface Call {
  number: number;
  method: string;
  path: string;
  query?: string;
  route: string | null;
  json?: any;
  text?: string;
  status: number | null;
  fault?: unknown;
  gateway?: GatewayCall;
}

/** Which calls a check counts. */
export interface ExpectedCall {
  /** Members that the request's body must contain, among others. */
  json?: JsonObject;
  /** Members of `Call.gateway`. */
  gateway?: JsonObject;
}

/** How many calls a check expects: at least 1 by default. */
export interface ExpectedCalls extends ExpectedCall {
  times?: number | { at_least?: number; at_most?: number };
  /** No other calls were made. */
  only?: boolean;
}

/**
 * What one key of a fake sees: prompts, faults, answers of models, calls and a clock.
 * Every method throws `FakeError` with the fake's reason if the fake refuses the call.
 */
export class World {
  protected constructor();
  /** The base URL for the client under test. */
  readonly url: string;
  /** The key for the client under test. */
  readonly key: string;
  /** The URL of the control routes. */
  readonly control: string;
  /** Calls a control route, such as `"POST", "faults"`, and returns its `data`. */
  request(method: string, path: string, body?: unknown): Promise<any>;
  /** Returns to the start: fixtures, ids, time, no faults, no answers of models, no calls. */
  reset(): Promise<void>;
  /** Replaces the prompts, and resets the world to them. */
  load(fixtures: { prompts: unknown[] }): Promise<void>;
  /** Returns the current prompts, in the format of fixtures. */
  fixtures(): Promise<{ prompts: JsonObject[] }>;
  /** Adds a fault. */
  fault(fault: Fault): Promise<void>;
  /** Adds an answer to requests for models; a text, or its members. */
  complete(completion: string | Completion): Promise<void>;
  /** Returns the calls that clients made, or those of one route. */
  calls(route?: string): Promise<Call[]>;
  /** Returns how often a route was called. Throws `CallAssertionError` with all calls if that is not as expected. */
  assertCalled(route: string, expected?: ExpectedCalls): Promise<number>;
  /** Checks that such calls were made in this order, with any others between them. */
  assertOrder(order: ({ route: string } & ExpectedCall)[], expected?: { only?: boolean }): Promise<number>;
  /** Returns the time of the world's clock. */
  now(): Promise<Date>;
  /** Sets the clock, and returns the time. */
  setTime(now: Date): Promise<Date>;
  /** Advances the clock, and returns the time. */
  advance(milliseconds: number): Promise<Date>;
  /** Returns a new world, with a key of its own, that begins as this one does after a reset. */
  world(key?: string): Promise<World>;
  /** Ends this world. Its key is refused from then on. */
  end(): Promise<void>;
}

/** A running fake Helicone. It ends with this process, even if that is killed. */
export class Fake extends World {
  /** Ends the fake, and waits until it has ended. A second call does nothing. */
  stop(): Promise<void>;
  /** The same as `stop`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** The fake could not start, refused a call of its control routes, or ended. */
export class FakeError extends Error {}

/** A check of calls failed. */
export class CallAssertionError extends Error {}

/** Starts a fake. Rejects with `FakeError` and the fake's own reason if it cannot start; no process remains then. */
export function startFake(options?: FakeOptions): Promise<Fake>;

/**
 * Returns the path of the command `promptbook`: the value of `PROMPTBOOK_COMMAND` if it is set, else the
 * command that was installed with this package, else the first one on the `PATH`. Throws if there is none.
 */
export function command(): string;

/** Returns calls, each as a few lines of text. */
export function formatCalls(calls: readonly Call[]): string;
