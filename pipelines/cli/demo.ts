import { Command, InvalidArgumentError } from "commander";

export function demoCommand(): Command {
  return new Command("demo")
    .description("Start a small real system, break it for real, and watch the fault be found, explained and repaired.")
    .option(
      "--fault <kind>",
      "cpu-burn, memory-leak, latency, bad-release, disk-full, crash or hang; none to only watch",
    )
    .option("--seed <n>", "chooses fault and service", (v) => {
      const n = Number(v);
      if (!Number.isInteger(n)) throw new InvalidArgumentError("give an integer");
      return n;
    })
    .option(
      "--kafka [brokers]",
      "send all signals through Kafka to two workers, and kill one of them: host:port,... or a broker started here",
    )
    .option("--json", "print one JSON object at the end")
    .option("--keep <dir>", "keep journal, store and report in this directory")
    .option("--quiet-seconds <n>", "with --fault none: how long to watch", Number, 600)
    .action(async (options) => {
      // Loaded late: the demo system needs the development dependencies.
      const { runDemo } = await import("../../data/lab/demo.ts");
      process.exitCode = await runDemo(options);
    });
}
