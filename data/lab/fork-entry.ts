import { type ChildProcess, fork } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

// Short-lived request garbage would otherwise grow each process by about 20 MB.
const SMALL_HEAP = ["--max-semi-space-size=1"];

/**
 * Forks a sibling module ("./service.ts" in the sources, "./service.js" when compiled) with extra environment.
 * Its output is dropped; `onError` gets what it writes to stderr.
 */
export function forkEntry(name: string, env: Record<string, string>, onError?: (text: string) => void): ChildProcess {
  const compiled = import.meta.url.endsWith(".js");
  const path = fileURLToPath(new URL(`./${name}${compiled ? ".js" : ".ts"}`, import.meta.url));
  const child = fork(path, [], {
    env: { ...process.env, ...env },
    execArgv: [...execArgv(compiled), ...SMALL_HEAP],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  child.stderr?.on("data", (chunk: Buffer) => onError?.(chunk.toString()));
  return child;
}

function execArgv(compiled: boolean): string[] {
  const inherited = process.execArgv.filter((arg) => !arg.startsWith("--inspect"));
  if (compiled || inherited.some((arg) => arg.includes("tsx"))) return inherited;
  // A test runner compiles TypeScript by itself and leaves no loader for children.
  const loader = createRequire(import.meta.url).resolve("tsx");
  return ["--import", pathToFileURL(loader).href];
}
