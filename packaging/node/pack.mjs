// Packs the packages for npm: `node pack.mjs COMMAND FOLDER`, where COMMAND is the built command of this platform.
// The version is that of the crate.

import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const [command, folder] = process.argv.slice(2);
if (!command || !folder) throw new Error("usage: node pack.mjs COMMAND FOLDER");
const here = import.meta.dirname;
const root = resolve(here, "../..");
const version = /^version = "(.+)"$/m.exec(readFileSync(join(root, "Cargo.toml"), "utf8"))?.[1];
const stage = mkdtempSync(join(tmpdir(), "promptbook-npm-"));
mkdirSync(folder, { recursive: true });
for (const name of ["linux-x64", "promptbook-store"]) {
  const place = join(stage, name);
  cpSync(join(here, name), place, { recursive: true });
  for (const licence of ["LICENSE-MIT", "LICENSE-APACHE"]) cpSync(join(root, licence), join(place, licence));
  if (name === "linux-x64") {
    mkdirSync(join(place, "bin"));
    cpSync(command, join(place, "bin/promptbook"));
    chmodSync(join(place, "bin/promptbook"), 0o755);
  }
  const file = join(place, "package.json");
  const description = JSON.parse(readFileSync(file, "utf8"));
  description.version = version;
  for (const other of Object.keys(description.optionalDependencies ?? {})) {
    description.optionalDependencies[other] = version;
  }
  writeFileSync(file, JSON.stringify(description, null, 2));
  const packed = execFileSync("npm", ["pack", "--silent", "--pack-destination", resolve(folder)], { cwd: place });
  process.stdout.write(packed);
}
rmSync(stage, { recursive: true });
