/** What a machine and a config need before a run, each with what to do about it. */
import { constants } from "node:fs";
import { access, mkdtemp, rm, stat, statfs, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { startBackend } from "../../models/neural/backend.ts";
import type { Config } from "../core/config.ts";
import { PipelineError } from "../core/errors.ts";
import { decodersOf, fileOptions } from "./formats.ts";
import { kafkaTransport } from "./kafka-transport.ts";

export interface Check {
  readonly name: string;
  /** `warn`: something won't work, the pipeline will. */
  readonly status: "ok" | "warn" | "fail";
  readonly detail: string;
  readonly hint?: string;
}

const NODE_LEAST = [20, 19] as const;
/** The journal and the store stop when the disk is full. */
const FREE_LEAST_BYTES = 256 * 1024 * 1024;
const FREE_GOOD_BYTES = 2 * 1024 * 1024 * 1024;
const mebibytes = (bytes: number) => `${Math.round(bytes / 1024 / 1024)} MiB`;
const message = (error: unknown) => (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";

export function nodeCheck(version = process.versions.node): Check {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const old = major < NODE_LEAST[0] || (major === NODE_LEAST[0] && minor < NODE_LEAST[1]);
  return {
    name: "node",
    status: old ? "fail" : "ok",
    detail: version,
    ...(old ? { hint: `install Node ${NODE_LEAST.join(".")} or newer` } : {}),
  };
}

/** Parts of packages that are built for each platform: each is loaded and does a little work. */
const ADDONS: readonly (readonly [name: string, load: () => Promise<string>, lost: string])[] = [
  [
    "tfjs",
    async () => {
      const { name, why } = await startBackend();
      return `${name} (${why.replace(/ imported from \S+?(?=;|$)/g, "")})`;
    },
    "neural models can't be trained or run",
  ],
  ["lz4", async () => echo(await import("lz4-napi"), "compressSync", "uncompressSync"), "lz4 topics can't be read"],
  [
    "snappy",
    async () => echo(await import("snappy"), "compressSync", "uncompressSync"),
    "snappy topics and remote write can't be read",
  ],
  [
    "zstd",
    async () => {
      const zstd = await import("@bokuweb/zstd-wasm");
      await zstd.init();
      return echo(zstd, "compress", "decompress");
    },
    "zstd topics can't be read",
  ],
  ["store", async () => ((await import("@electric-sql/pglite")) ? "PGlite loads" : ""), "nothing can be stored"],
];

function echo(module: object, pack: string, unpack: string): string {
  const text = "faultwright ".repeat(20);
  const calls = module as Record<string, (input: Buffer) => Uint8Array | string>;
  const packed = calls[pack]?.(Buffer.from(text)) as Uint8Array;
  const back = calls[unpack]?.(Buffer.from(packed));
  if (back === undefined || Buffer.from(back as Uint8Array).toString() !== text)
    throw new Error("what it packs it does not unpack");
  return "packs and unpacks";
}

export async function addonChecks(): Promise<Check[]> {
  const out: Check[] = [];
  for (const [name, load, lost] of ADDONS)
    try {
      out.push({ name, status: "ok", detail: await load() });
    } catch (error) {
      const status = name === "store" ? "fail" : "warn";
      out.push({
        name,
        status,
        detail: `${lost}: ${message(error)}`,
        hint: "npm ci on this machine, not copied from another",
      });
    }
  return out;
}

/** Leaves nothing behind, and makes no directory that was not there. */
export async function dataDirCheck(dir: string): Promise<Check> {
  const name = "data directory";
  let there = resolve(dir);
  try {
    while (!(await stat(there).catch(() => undefined)) && dirname(there) !== there) there = dirname(there);
    if (!(await stat(there)).isDirectory()) throw new Error(`${there} is no directory`);
    await access(there, constants.W_OK | constants.X_OK);
    const probe = await mkdtemp(join(there, ".faultwright-doctor-"));
    await writeFile(join(probe, "probe"), "x").finally(() => rm(probe, { recursive: true, force: true }));
    const { bavail, bsize } = await statfs(there);
    const free = bavail * bsize;
    const status = free < FREE_LEAST_BYTES ? "fail" : free < FREE_GOOD_BYTES ? "warn" : "ok";
    const hint =
      status === "ok"
        ? {}
        : { hint: `free some space, or set dataDir to another disk (${mebibytes(FREE_GOOD_BYTES)} are comfortable)` };
    return { name, status, detail: `${resolve(dir)} can be written, ${mebibytes(free)} free`, ...hint };
  } catch (error) {
    return {
      name,
      status: "fail",
      detail: `${resolve(dir)}: ${message(error)}`,
      hint: "set dataDir to a directory that you may write",
    };
  }
}

/** A config that has been read: formats, files, secrets, and whether its brokers hold its topics. */
export async function configChecks(config: Config): Promise<Check[]> {
  const out: Check[] = [];
  const add = async (name: string, work: () => Promise<string> | string, hint?: string) => {
    try {
      out.push({ name, status: "ok", detail: await work() });
    } catch (error) {
      const own = error instanceof PipelineError ? error.hint : undefined;
      out.push({
        name,
        status: "fail",
        detail: message(error),
        ...((own ?? hint) ? { hint: own ?? (hint as string) } : {}),
      });
    }
  };
  await add("formats", () => {
    decodersOf(config);
    return "every format has a decoder";
  });
  for (const [i, source] of config.sources.entries()) {
    if (source.kind === "files") {
      for (const path of source.paths)
        await add(
          `file ${path}`,
          async () => {
            fileOptions(source, i);
            await access(path, constants.R_OK);
            return `${mebibytes((await stat(path)).size)}`;
          },
          "is the path right, seen from where you run this?",
        );
    } else if (source.kind === "kafka") {
      await add(`kafka ${source.brokers.join(",")}`, async () => {
        const transport = await kafkaTransport(source);
        try {
          let partitions = 0;
          for (const topic of source.topics) partitions += (await transport.offsets(topic.name)).size;
          return `${source.topics.length} topics, ${partitions} partitions`;
        } finally {
          await transport.close();
        }
      });
    }
  }
  const { supervisor } = config.recover;
  if (supervisor)
    await add(
      "supervisor token",
      () => {
        if (process.env[supervisor.tokenEnv] === undefined) throw new Error(`${supervisor.tokenEnv} is not set`);
        return `${supervisor.tokenEnv} is set`;
      },
      "set it in the environment of the run",
    );
  return out;
}
