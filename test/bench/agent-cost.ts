/**
 * What the host agent costs: runs it, compiled, as a process of its own against a local sink, and reads its CPU time
 * and memory from /proc. `npx tsx test/bench/agent-cost.ts [--seconds 30] [--interval-ms 5000]`. Prints JSON; exits 1
 * when the steady state takes 1 % of a core or more.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { cpus, release, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import ts from "typescript";
import { ProcReader, parsePidStat } from "../../pipelines/ingest/agent/procfs.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { values } = parseArgs({
  options: { seconds: { type: "string", default: "30" }, "interval-ms": { type: "string", default: "5000" } },
});
const seconds = Number(values.seconds);
const intervalMs = Number(values["interval-ms"]);

/** Compiles the agent alone, so that neither tsx's cost nor other parts of the tree are measured. */
function compile(): string {
  // Inside node_modules, so that the output finds the packages.
  const out = join(root, "node_modules/.cache", `faultwright-agent-cost-${process.pid}`);
  const sources = ["pipelines/core", "pipelines/ingest/agent"].flatMap((dir) =>
    readdirSync(join(root, dir)).map((file) => join(dir, file)),
  );
  for (const file of [...sources, "pipelines/cli/agent.ts"].filter((name) => name.endsWith(".ts"))) {
    const { outputText } = ts.transpileModule(readFileSync(join(root, file), "utf8"), {
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2023,
        verbatimModuleSyntax: true,
        rewriteRelativeImportExtensions: true,
      },
    });
    const to = join(out, file.replace(/\.ts$/, ".js"));
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, outputText);
  }
  writeFileSync(join(out, "package.json"), '{"type":"module"}');
  writeFileSync(
    join(out, "main.js"),
    'import { agentCommand } from "./pipelines/cli/agent.js";\nawait agentCommand().parseAsync();\n',
  );
  return out;
}

const proc = new ProcReader();
const { pageSize, ticksPerS } = proc.auxv();
function usage(pid: number): { cpuS: number; rssBytes: number; atMs: number } {
  const stat = parsePidStat(proc.text(`${pid}/stat`) ?? "");
  if (!stat) throw new Error("the agent is gone");
  return { cpuS: stat.ticks / ticksPerS, rssBytes: stat.rssPages * pageSize, atMs: performance.now() };
}

let posts = 0;
let bytes = 0;
const sink = createServer((request, response) => {
  posts += 1;
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
  });
  request.on("end", () => response.end("{}"));
});
sink.listen(0, "127.0.0.1");
await once(sink, "listening");
const out = compile();
const endpoint = `http://127.0.0.1:${(sink.address() as AddressInfo).port}`;
const startedMs = performance.now();
const child = spawn(
  process.execPath,
  [join(out, "main.js"), "--endpoint", endpoint, "--interval", `${intervalMs}ms`, "--process", "node=node"],
  { stdio: "inherit" },
);
try {
  while (posts === 0 && performance.now() - startedMs < 20_000) await sleep(50);
  // Between two collections, so that start-up and the first one are behind.
  await sleep(Math.min(2000, intervalMs / 2));
  const pid = child.pid ?? 0;
  const before = usage(pid);
  const postsBefore = posts;
  await sleep(seconds * 1000);
  const after = usage(pid);
  const share = (after.cpuS - before.cpuS) / ((after.atMs - before.atMs) / 1000);
  const result = {
    cpuShareOfOneCore: round(share),
    cpuShareOfOneCoreWithStartUp: round(after.cpuS / ((after.atMs - startedMs) / 1000)),
    startUpCpuS: round(before.cpuS),
    rssBytes: after.rssBytes,
    seconds,
    intervalMs,
    collections: posts - postsBefore,
    bytesPerCollection: Math.round(bytes / posts),
    // The kernel counts CPU time in ticks of this length.
    resolution: round(1 / ticksPerS / seconds),
    machine: {
      cpu: cpus()[0]?.model ?? "unknown",
      cores: cpus().length,
      memoryBytes: totalmem(),
      kernel: release(),
      node: process.version,
      processes: proc.pids().length,
    },
  };
  process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  if (!(share < 0.01)) process.exitCode = 1;
} finally {
  child.kill("SIGTERM");
  await Promise.race([once(child, "exit"), sleep(6000)]);
  sink.close();
  rmSync(out, { recursive: true, force: true });
}

function round(value: number): number {
  return Math.round(value * 1e5) / 1e5;
}
