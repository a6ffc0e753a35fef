import type { FakeOptions, World } from "./index.cjs";

/**
 * Starts a fake before the tests of this file, and a world of it before each test. Call it where tests are defined.
 *
 * The result is the world of the current test. While a test runs, `HELICONE_BASE_URL` and `HELICONE_API_KEY` are its
 * URL and key. If a test fails, its calls are printed. Tests that run concurrently in one file create worlds by
 * `world()` instead.
 */
export declare function useHelicone(options?: FakeOptions): World;
