/** `npm run eval -- <name> [options]`: accuracy on the recorded data, beside the figures of the peers. */
const EVALUATIONS: Readonly<
  Record<string, { about: string; load: () => Promise<{ main(args: string[]): Promise<number> }> }>
> = {
  rca: { about: "root causes of recorded incidents", load: () => import("./rca/main.ts") },
};

const [name = "", ...args] = process.argv.slice(2);
const chosen = EVALUATIONS[name];
if (chosen) process.exitCode = await (await chosen.load()).main(args);
else {
  const list = Object.entries(EVALUATIONS).map(([n, e]) => `  ${n}  ${e.about}`);
  process.stderr.write(`npm run eval -- <name> [options]\n${list.join("\n")}\n`);
  process.exitCode = 2;
}
