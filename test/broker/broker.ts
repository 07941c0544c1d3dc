/**
 * A real single-node Kafka broker (KRaft) on free loopback ports, for tests and for trying things:
 * `npx tsx test/broker/broker.ts` prints its address and runs until Ctrl-C. Needs Java 17 or newer, and Maven once: the
 * jars are kept in `~/.cache/faultwright`.
 */
import { execFile, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { Kafka, logLevel } from "kafkajs";

const run = promisify(execFile);
const JAVA_FLAGS = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "faultwright", "kafka-4.3.1");

export interface Broker {
  readonly bootstrap: string;
  /** That of the last start. */
  readonly pid: number;
  /** `SIGKILL` for chaos; by default it shuts down in order. Removes its data. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** kill -9, `downMs` of nothing, and a start at the same address with the same data. */
  restart(downMs?: number): Promise<void>;
}

/** Why there can be no broker here; undefined when there can. */
export function brokerMissing(): string | undefined {
  const works = (command: string, ...args: string[]) => {
    try {
      execFileSync(command, args, { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  };
  if (!works("java", "-version")) return "java is not installed (17 or newer)";
  return existsSync(cache) || works("mvn", "-version")
    ? undefined
    : "mvn is not installed (it fetches the broker once)";
}

/** For `describe.skipIf`: says on stderr that Kafka goes untested; in CI that is an error. */
export function skipWithoutBroker(): boolean {
  const missing = brokerMissing();
  if (missing === undefined) return false;
  if (process.env.CI === "true") throw new Error(`no Kafka broker: ${missing}`);
  process.stderr.write(`\nNOT TESTED: Kafka, because ${missing}\n\n`);
  return true;
}

async function jars(): Promise<string> {
  if (!existsSync(cache)) {
    mkdirSync(join(cache, ".."), { recursive: true });
    const work = mkdtempSync(join(cache, "..", "fetch-"));
    try {
      copyFileSync(join(import.meta.dirname, "pom.xml"), join(work, "pom.xml"));
      await run("mvn", ["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"], { cwd: work });
      // In one step: a fetch that was cut off leaves no half cache. Another process may have been first.
      if (!existsSync(cache)) renameSync(join(work, "lib"), cache);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  return join(cache, "*");
}

const freePort = () =>
  new Promise<number>((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

/** Ready to serve when it resolves. `settings` are more lines of server.properties. */
export async function startBroker(settings: readonly string[] = []): Promise<Broker> {
  const classpath = await jars();
  const dir = mkdtempSync(join(tmpdir(), "faultwright-broker-"));
  const [port, controller] = [await freePort(), await freePort()];
  const properties = join(dir, "server.properties");
  writeFileSync(
    properties,
    `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controller}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
controller.listener.names=CONTROLLER
log.dirs=${join(dir, "data")}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.retention.check.interval.ms=1000
log.segment.delete.delay.ms=100
${settings.join("\n")}
`,
  );
  const log4j = join(dir, "log4j2.properties");
  writeFileSync(log4j, "rootLogger.level = off\n");
  const java = [...JAVA_FLAGS, `-Dlog4j2.configurationFile=${log4j}`, "-cp", classpath];
  const id = randomBytes(16).toString("base64url");
  const clean = () => rmSync(dir, { recursive: true, force: true });
  await run("java", [...java, "kafka.tools.StorageTool", "format", "-t", id, "-c", properties]).catch((error) => {
    clean();
    throw error;
  });
  const bootstrap = `127.0.0.1:${port}`;
  let server = launch([...java, "kafka.Kafka", properties]);
  let stopped = false;
  const stop = async (signal?: NodeJS.Signals) => {
    stopped = true; // also a restart that is on its way
    await server.end(signal);
    clean();
  };
  await ready(bootstrap, server.ended).catch(async (error) => {
    await stop("SIGKILL");
    throw error;
  });
  return {
    bootstrap,
    get pid() {
      return server.pid;
    },
    stop,
    async restart(downMs = 0) {
      await server.end("SIGKILL");
      await new Promise((resolve) => setTimeout(resolve, downMs));
      if (stopped) return;
      server = launch([...java, "kafka.Kafka", properties]);
      await ready(bootstrap, server.ended);
    },
  };
}

function launch(args: readonly string[]) {
  const child = spawn("java", args, { stdio: "ignore" });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    pid: child.pid as number,
    ended,
    async end(signal: NodeJS.Signals = "SIGTERM") {
      child.kill(signal);
      const timer = setTimeout(() => child.kill("SIGKILL"), 15_000);
      await ended;
      clearTimeout(timer);
    },
  };
}

async function ready(bootstrap: string, ended: Promise<void>): Promise<void> {
  const admin = new Kafka({
    brokers: [bootstrap],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 100, maxRetryTime: 500, retries: 100 },
  }).admin();
  try {
    await Promise.race([
      admin.connect().then(() => admin.listTopics()),
      ended.then(() => {
        throw new Error("the broker ended while it was starting");
      }),
    ]);
  } finally {
    await admin.disconnect();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const broker = await startBroker();
  process.stdout.write(`${broker.bootstrap}\n`);
  process.once("SIGINT", () => void broker.stop());
  process.once("SIGTERM", () => void broker.stop());
}
