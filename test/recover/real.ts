import { describe } from "vitest";

/** A suite against a real program: where that is missing it is a stated skip, and a failure with CI=true. */
export function describeReal(name: string, present: boolean, suite: () => void): void {
  if (present) return void describe(name, suite);
  if (process.env.CI === "true") throw new Error(`${name}: not installed; run bash test/recover/install.sh`);
  process.stderr.write(`skipped, not installed (bash test/recover/install.sh): ${name}\n`);
  describe.skip(name, suite);
}
