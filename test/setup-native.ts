/**
 * `npm run setup:native`: makes the native backend of tfjs work where the package's own download of libtensorflow can't.
 * It says what it does, changes nothing but `node_modules/@tensorflow/tfjs-node` (and what that package itself depends
 * on), and can be run again. Needs g++, Python >= 3.9 with pip, 1.5 GB of disk for the time of the work and 0.7 GB after it.
 *
 *   --force        again, though it works
 *   --wheel FILE   a tensorflow-cpu wheel that is already here
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";

/** Built and run against these on Linux x64; 2.15 is the oldest of them and the smallest. */
const WHEEL = "tensorflow-cpu==2.15.1";
const ROOT = resolve(import.meta.dirname, "..");
const MODULE = join(ROOT, "node_modules/@tensorflow/tfjs-node");
const NAPI = 8;

class SetupError extends Error {}

const say = (line: string) => process.stderr.write(`setup:native: ${line}\n`);

function run(what: string, command: string, args: readonly string[], hint: string, cwd = ROOT): string {
  try {
    return execFileSync(command, args, {
      cwd,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      maxBuffer: 2 ** 28,
    });
  } catch (error) {
    const { stderr = "", code } = error as { stderr?: string; code?: string };
    const said = code === "ENOENT" ? `there is no ${command}` : stderr.trim().split("\n").slice(-5).join("\n  ");
    throw new SetupError(`${what} failed: ${said || (error as Error).message}\n${hint}`);
  }
}

/** In a process of its own: a native library that does not fit may end it. */
function works(): string | undefined {
  const code = `
    import { startBackend } from "./models/neural/backend.ts";
    import * as tf from "@tensorflow/tfjs-core";
    const { name } = await startBackend(["native"]);
    const [sum] = tf.matMul(tf.tensor2d([[1, 2]]), tf.tensor2d([[3], [4]])).dataSync();
    if (sum !== 11) throw new Error("1*3 + 2*4 is " + sum);
    process.stdout.write(name);`;
  try {
    execFileSync(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", code], {
      cwd: ROOT,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    return undefined;
  } catch (error) {
    const text = `${(error as { stderr?: string }).stderr ?? error}`;
    return /Error: (.*)/.exec(text)?.[1] ?? text.trim().split("\n").at(-1) ?? "it ended";
  }
}

function python(): string {
  for (const name of ["python3.11", "python3.10", "python3.9", "python3"])
    try {
      execFileSync(name, ["-m", "pip", "--version"], { stdio: "ignore" });
      return name;
    } catch {}
  throw new SetupError("there is no Python with pip\ninstall Python 3.9 to 3.11 with pip, or give --wheel FILE");
}

/** The package with its JavaScript and its sources, without its install script: that is what downloads. */
function installPackage(): void {
  const lock = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    optionalDependencies: Record<string, string>;
  };
  const version = lock.optionalDependencies["@tensorflow/tfjs-node"];
  if (existsSync(join(MODULE, "binding/tfjs_backend.cc")) && existsSync(join(ROOT, "node_modules/adm-zip"))) return;
  say(`installs @tensorflow/tfjs-node ${version} and what it needs, without their install scripts`);
  const args = ["install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"];
  run("npm install", "npm", args, "see whether the registry can be reached");
  if (!existsSync(join(MODULE, "binding")))
    throw new SetupError("npm left the package out\nremove --omit=optional from npm's settings");
}

function unpackedWheel(work: string, wheel: string | undefined): string {
  let file = wheel;
  const python3 = python();
  if (file === undefined) {
    say(`downloads ${WHEEL} (207 MB) with pip`);
    const platform = ["--platform", "manylinux2014_x86_64", "--python-version", "3.11", "--only-binary=:all:"];
    const args = ["-m", "pip", "download", "--quiet", "--no-deps", ...platform, "--dest", work, WHEEL];
    run("pip download", python3, args, "see whether pip reaches its index, or give --wheel FILE");
    const name = readdirSync(work).find((n) => n.endsWith(".whl"));
    if (!name) throw new SetupError(`pip left no wheel in ${work}`);
    file = join(work, name);
  }
  say("unpacks it");
  const into = join(work, "wheel");
  run("unpacking", python3, ["-m", "zipfile", "-e", file, into], "is there enough space in the temporary folder?");
  return join(into, "tensorflow");
}

function copyLibraries(from: string): void {
  const to = join(MODULE, "deps/lib");
  mkdirSync(to, { recursive: true });
  for (const name of ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"]) {
    const file = join(from, name);
    if (!existsSync(file))
      throw new SetupError(`the wheel has no ${name}\ngive a wheel of tensorflow-cpu 2.15 or newer`);
    copyFileSync(file, join(to, name));
  }
  say(`copied libtensorflow (614 MB) to ${to}`);
}

function nodeHeaders(work: string): string {
  const near = join(dirname(dirname(process.execPath)), "include/node");
  const found = [near, "/usr/include/node"].find((dir) => existsSync(join(dir, "node_api.h")));
  if (found) return found;
  say("takes the headers of Node's stable interface from the package node-api-headers");
  const args = ["pack", "node-api-headers@1", "--silent", "--pack-destination", work];
  const name = run("npm pack", "npm", args, "install Node with its headers").trim();
  run("tar", "tar", ["xzf", join(work, name), "-C", work], "install tar");
  return join(work, "package/include");
}

function compile(work: string, include: string): void {
  const out = join(MODULE, `lib/napi-v${NAPI}`);
  mkdirSync(out, { recursive: true });
  const sources = readdirSync(join(MODULE, "binding")).filter((n) => n.endsWith(".cc"));
  say("compiles the binding with g++ (about 10 s)");
  const args = [
    ...["-shared", "-fPIC", "-O2", "-std=c++17", `-DNAPI_VERSION=${NAPI}`, "-w"],
    ...[`-I${nodeHeaders(work)}`, `-I${include}`, `-I${MODULE}`],
    ...sources.map((n) => join(MODULE, "binding", n)),
    ...[`-L${join(MODULE, "deps/lib")}`, "-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"],
    "-Wl,-rpath,$ORIGIN/../../deps/lib",
    ...["-o", join(out, "tfjs_binding.node")],
  ];
  run("g++", "g++", args, "install g++ (Debian: apt-get install g++)");
}

function main(): void {
  const options = { force: { type: "boolean" }, wheel: { type: "string" } } as const;
  const { values } = parseArgs({ options });
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new SetupError(
      `this is ${process.platform} ${process.arch}; the wheel is for linux x64\nuse wasm: it is chosen by itself`,
    );
  if (values.wheel !== undefined && !existsSync(values.wheel)) throw new SetupError(`there is no file ${values.wheel}`);
  const why = values.force ? "--force" : works();
  if (why === undefined) {
    say("the native backend already works; nothing to do");
    return;
  }
  say(`the native backend does not work: ${why}`);
  installPackage();
  const work = mkdtempSync(join(tmpdir(), "faultwright-native-"));
  try {
    const tensorflow = unpackedWheel(work, values.wheel);
    copyLibraries(tensorflow);
    compile(work, join(tensorflow, "include"));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const still = works();
  if (still !== undefined) throw new SetupError(`it is built but does not work: ${still}\nwasm goes on to be used`);
  say("the native backend works; `npm run bench -- backends` compares it");
}

try {
  main();
} catch (error) {
  say((error as Error).message);
  process.exitCode = error instanceof SetupError ? 1 : 2;
}
