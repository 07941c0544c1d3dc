import { spawn } from "node:child_process";

/** Runs a script, kills it with SIGKILL some time after its first number, and gives the last number it printed. */
export function runAndKill(script: string, args: readonly string[], afterMs: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--import", "tsx", script, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let errors = "";
    let timer: NodeJS.Timeout | undefined;
    child.stderr.on("data", (data) => {
      errors += data;
    });
    child.stdout.on("data", (data) => {
      output += data;
      if (output.split("\n").length > 2) timer ??= setTimeout(() => child.kill("SIGKILL"), afterMs);
    });
    child.once("close", (_, signal) => {
      clearTimeout(timer);
      if (signal !== "SIGKILL") {
        reject(new Error(errors));
        return;
      }
      // A line cut off by the kill was not said.
      const last = output.split("\n").slice(1, -1).at(-1);
      resolve(last === undefined ? undefined : Number(last));
    });
  });
}
