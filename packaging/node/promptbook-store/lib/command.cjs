// The path of the command that the package of this platform contains.

"use strict";

const { accessSync, constants } = require("node:fs");
const { delimiter, join } = require("node:path");

const NAME = process.platform === "win32" ? "promptbook.exe" : "promptbook";

/**
 * Returns the path of the command `promptbook`: the value of `PROMPTBOOK_COMMAND` if it is set, else the
 * command that was installed with this package, else the first one on the `PATH`.
 *
 * @returns {string}
 */
function command() {
  const named = process.env.PROMPTBOOK_COMMAND;
  if (named) return named;
  const platform = `@promptbook-store/${process.platform}-${process.arch}`;
  try {
    return require.resolve(`${platform}/bin/${NAME}`);
  } catch {
    // Not installed, or there is none for this platform.
  }
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    // The launcher of this package is on the path of npm's scripts, and would start itself.
    if (folder.endsWith(join("node_modules", ".bin"))) continue;
    const path = join(folder, NAME);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  throw new Error(
    `the command promptbook is not installed: the optional package ${platform} is missing or does not exist; ` +
      "reinstall promptbook-store with optional dependencies, or set PROMPTBOOK_COMMAND to its path",
  );
}

module.exports = { command };
