import { cpus } from "node:os";

/** Says where figures come from: the script, the machine, and what load it had when runs began. */
export const madeBy = (script: string, loads: readonly number[]): string =>
  `Made by \`npm run eval -- ${script}\` on ${cpus().length} x ${cpus()[0]?.model ?? "unknown"}, Node ${process.version}; load of the machine when runs began: ${Math.min(...loads)} to ${Math.max(...loads)}.`;
