/**
 * Real Kafka brokers (KRaft) on loopback ports, for tests and for trying things: `npm run kafka -- [--port N]` prints
 * the address of one and runs until Ctrl-C. Needs Java 17 or newer, and Maven once: the jars are kept in
 * `~/.cache/faultwright`, beside an archive of loaded classes that halves the time a start takes.
 */
import { execFile, execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs, promisify } from "node:util";
import { Kafka, logLevel } from "kafkajs";

const run = promisify(execFile);
const JAVA_FLAGS = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
const hashOf = (text: string | Buffer) => createHash("sha256").update(text).digest("hex").slice(0, 8);
const pom = join(import.meta.dirname, "pom.xml");
const caches = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
const cache = join(caches, "faultwright", `kafka-4.3.1-${hashOf(readFileSync(pom))}`);
const classpath = join(cache, "*");

export type Protocol = "PLAINTEXT" | "SSL" | "SASL_PLAINTEXT" | "SASL_SSL";

export interface BrokerOptions {
  /** Of the listener without any security; free by default. */
  readonly port?: number;
  /** Further listeners, by name. */
  readonly listeners?: Readonly<Record<string, Protocol>>;
  /** More arguments of `StorageTool format`, such as `--add-scram`. */
  readonly format?: readonly string[];
  /** Until it is started again no file of the broker grows beyond this: what a full disk is to it. Above 10 MiB, its indexes. */
  readonly maxFileBytes?: number;
}

export interface Broker {
  /** `host:port` of the listener without security. */
  readonly bootstrap: string;
  /** `host:port` of a further listener. */
  at(listener: string): string;
  /** Where its log segments are. */
  readonly dataDir: string;
  /** That of the last start. */
  readonly pid: number;
  /** `SIGKILL` for chaos; by default it shuts down in order. Removes its data. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** kill -9, `downMs` of nothing, and a start at the same address with the same data. */
  restart(downMs?: number): Promise<void>;
}

/** Three brokers, each also a controller; topics have three copies by default, of which two must be in sync. */
export interface Cluster {
  readonly brokers: readonly string[];
  /** That of the last start of a node, counted from 0. */
  pid(node: number): number;
  /** kill -9. */
  kill(node: number): Promise<void>;
  /** At the same address with the same data, after a kill. Ready when it resolves. */
  start(node: number): Promise<void>;
  /** Kills all and removes their data. */
  stop(): Promise<void>;
}

let javaVersion: string | undefined;

/** Why there can be no broker here; undefined when there can. */
export function brokerMissing(): string | undefined {
  const works = (command: string) => {
    try {
      return execFileSync(command, ["--version"], { stdio: ["ignore", "pipe", "ignore"] }).toString();
    } catch {
      return undefined;
    }
  };
  javaVersion ??= works("java");
  if (javaVersion === undefined) return "java is not installed (17 or newer)";
  return existsSync(cache) || works("mvn") ? undefined : "mvn is not installed (it fetches the broker once)";
}

/** For `describe.skipIf`: says on stderr that Kafka goes untested; in CI that is an error. */
export function skipWithoutBroker(): boolean {
  const missing = brokerMissing();
  if (missing === undefined) return false;
  if (process.env.CI === "true") throw new Error(`no Kafka broker: ${missing}`);
  process.stderr.write(`\nNOT TESTED: Kafka, because ${missing}\n\n`);
  return true;
}

async function fetchJars(): Promise<void> {
  const missing = brokerMissing();
  if (missing) throw new Error(`no Kafka broker: ${missing}`);
  if (existsSync(cache)) return;
  mkdirSync(join(cache, ".."), { recursive: true });
  const work = mkdtempSync(join(cache, "..", "fetch-"));
  try {
    copyFileSync(pom, join(work, "pom.xml"));
    await run("mvn", ["-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=lib"], { cwd: work });
    // In one step: a fetch that was cut off leaves no half cache. Another process may have been first.
    if (!existsSync(cache)) renameSync(join(work, "lib"), cache);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Java's own class data sharing; an archive of another Java would be passed over in silence, so each has its own. */
const classArchive = () => `${cache}-${hashOf(`${javaVersion}`)}.jsa`;
const shared = () => (existsSync(classArchive()) ? [`-XX:SharedArchiveFile=${classArchive()}`] : []);

/** Runs a class of the broker's jars, such as the console tools; resolves to what it printed. */
export async function javaTool(
  main: string,
  args: readonly string[],
  { input = "", env = {} }: { input?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  await fetchJars();
  const options = { maxBuffer: 256 * 1024 * 1024, env: { ...process.env, ...env } };
  const done = run("java", [...JAVA_FLAGS, ...shared(), "-cp", classpath, main, ...args], options);
  done.child.stdin?.end(input);
  return (await done).stdout;
}

/** `wanted` if nobody has it: another broker there would pass for ours. */
const freePort = (wanted = 0) =>
  new Promise<number>((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(wanted, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

interface Node {
  readonly dataDir: string;
  readonly addresses: ReadonlyMap<string, string>;
  readonly pid: number;
  start(): Promise<void>;
  end(signal?: NodeJS.Signals): Promise<void>;
  /** Whether a start is to be given up. */
  stopped: boolean;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Formatted, not started. Keeps records for ever unless a topic says otherwise: those of tests are years old. */
async function node(
  id: number,
  clusterId: string,
  voters: readonly string[],
  settings: readonly string[],
  { port, listeners = {}, format = [], maxFileBytes }: BrokerOptions,
): Promise<Node> {
  const dir = mkdtempSync(join(tmpdir(), "faultwright-broker-"));
  const addresses = new Map([["PLAINTEXT", `127.0.0.1:${await freePort(port)}`]]);
  for (const name of Object.keys(listeners)) addresses.set(name, `127.0.0.1:${await freePort()}`);
  const controller = voters[id - 1]?.split("@")[1];
  const listed = [...addresses].map(([name, address]) => `${name}://${address}`).join(",");
  const protocols = { PLAINTEXT: "PLAINTEXT", CONTROLLER: "PLAINTEXT", ...listeners };
  const [properties, dataDir] = [join(dir, "server.properties"), join(dir, "data")];
  writeFileSync(
    properties,
    `process.roles=broker,controller
node.id=${id}
controller.quorum.voters=${voters.join(",")}
listeners=${listed},CONTROLLER://${controller}
advertised.listeners=${listed}
listener.security.protocol.map=${Object.entries(protocols)
      .map((p) => p.join(":"))
      .join(",")}
controller.listener.names=CONTROLLER
log.dirs=${dataDir}
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.retention.ms=-1
log.retention.check.interval.ms=1000
log.segment.delete.delay.ms=100
${settings.join("\n")}
`,
  );
  const log4j = join(dir, "log4j2.properties");
  writeFileSync(
    log4j,
    `rootLogger.level = error
rootLogger.appenderRefs = out
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %m%n%throwable{short}
`,
  );
  const log = join(dir, "server.log");
  const java = [...JAVA_FLAGS, `-Dlog4j2.configurationFile=${log4j}`];
  const clean = () => rmSync(dir, { recursive: true, force: true });
  // "=": one id in 64 begins with a dash.
  const storage = ["kafka.tools.StorageTool", "format", `--cluster-id=${clusterId}`, "-c", properties, ...format];
  await run("java", [...java, ...shared(), "-cp", classpath, ...storage]).catch((error) => {
    clean();
    throw error;
  });
  // Who finds no archive makes one when it ends in order.
  const archive = join(dir, "classes.jsa");
  let server: ReturnType<typeof launch> | undefined;
  let limited = maxFileBytes !== undefined;
  const self: Node = {
    dataDir,
    addresses,
    stopped: false,
    get pid() {
      return server?.pid ?? 0;
    },
    async start() {
      const sharing = existsSync(classArchive()) || limited ? shared() : [`-XX:ArchiveClassesAtExit=${archive}`];
      const command = ["java", ...java, ...sharing, "-cp", classpath, "kafka.Kafka", properties];
      const blocks = Math.ceil((maxFileBytes ?? 0) / 512); // of 512 bytes in a POSIX shell
      server = launch(limited ? ["sh", "-c", `ulimit -f ${blocks}; exec "$@"`, "sh", ...command] : command, log);
      limited = false;
      const address = addresses.get("PLAINTEXT") as string;
      await ready(address, [address], server.ended).catch(async (error) => {
        await server?.end("SIGKILL");
        const said = readFileSync(log, "utf8").trim().split("\n").slice(-5).join("\n");
        throw new Error(`${error.message}\n${said}`);
      });
    },
    end: async (signal) => server?.end(signal),
    async stop(signal) {
      self.stopped = true;
      await server?.end(signal);
      if (existsSync(archive) && !existsSync(classArchive())) {
        copyFileSync(archive, `${classArchive()}.${process.pid}`); // perhaps to another file system
        renameSync(`${classArchive()}.${process.pid}`, classArchive());
      }
      clean();
    },
  };
  return self;
}

const copies = (count: number, inSync: number) => [
  `default.replication.factor=${count}`,
  `min.insync.replicas=${inSync}`,
  `offsets.topic.replication.factor=${count}`,
  `transaction.state.log.replication.factor=${count}`,
  `transaction.state.log.min.isr=${inSync}`,
  `share.coordinator.state.topic.replication.factor=${count}`,
  `share.coordinator.state.topic.min.isr=${inSync}`,
];

/** Ready to serve when it resolves. `settings` are more lines of server.properties. */
export async function startBroker(settings: readonly string[] = [], options: BrokerOptions = {}): Promise<Broker> {
  await fetchJars();
  const voters = [`1@127.0.0.1:${await freePort()}`];
  const one = await node(1, randomBytes(16).toString("base64url"), voters, [...copies(1, 1), ...settings], options);
  await one.start().catch(async (error) => {
    await one.stop("SIGKILL");
    throw error;
  });
  const at = (listener: string) => {
    const address = one.addresses.get(listener);
    if (!address) throw new RangeError(`no listener ${listener}`);
    return address;
  };
  return {
    bootstrap: at("PLAINTEXT"),
    at,
    dataDir: one.dataDir,
    get pid() {
      return one.pid;
    },
    stop: (signal) => one.stop(signal),
    async restart(downMs = 0) {
      await one.end("SIGKILL");
      await new Promise((resolve) => setTimeout(resolve, downMs));
      if (!one.stopped) await one.start();
    },
  };
}

/** Ready to serve when it resolves. A dead broker's partitions move after 4 s instead of 9. */
export async function startCluster(size = 3, settings: readonly string[] = []): Promise<Cluster> {
  await fetchJars();
  const id = randomBytes(16).toString("base64url");
  const voters: string[] = [];
  for (let i = 1; i <= size; i++) voters.push(`${i}@127.0.0.1:${await freePort()}`);
  const all = [
    ...copies(size, Math.ceil((size + 1) / 2)),
    "broker.session.timeout.ms=4000",
    "broker.heartbeat.interval.ms=500",
    ...settings,
  ];
  const nodes = await Promise.all(voters.map((_, i) => node(i + 1, id, voters, all, {})));
  const stop = async () => void (await Promise.all(nodes.map((n) => n.stop("SIGKILL"))));
  const brokers = nodes.map((n) => n.addresses.get("PLAINTEXT") as string);
  await Promise.all(nodes.map((n) => n.start()))
    .then(() => Promise.all(brokers.map((b) => ready(b, brokers))))
    .catch(async (error) => {
      await stop();
      throw error;
    });
  const of = (index: number): Node => {
    const found = nodes[index];
    if (!found) throw new RangeError(`no broker ${index} of ${size}`);
    return found;
  };
  return {
    brokers,
    pid: (index) => of(index).pid,
    kill: (index) => of(index).end("SIGKILL"),
    start: (index) => of(index).start(),
    stop,
  };
}

function launch([program, ...args]: readonly string[], log: string) {
  const out = openSync(log, "a");
  const child = spawn(program as string, args, { stdio: ["ignore", out, out] });
  closeSync(out);
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

/** When the broker answers, and counts `members` among those alive. */
async function ready(bootstrap: string, members: readonly string[], ended = new Promise<void>(() => {})) {
  const retry = { initialRetryTime: 100, maxRetryTime: 300, retries: 200 };
  const admin = new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING, retry }).admin();
  let dead = false;
  const known = async () => (await admin.describeCluster()).brokers.map((b) => `${b.host}:${b.port}`);
  const answers = async () => {
    await admin.connect();
    for (let seen: string[] = []; !dead && !members.every((m) => seen.includes(m)); seen = await known())
      await new Promise((resolve) => setTimeout(resolve, 50));
  };
  try {
    await Promise.race([
      answers(),
      ended.then(() => {
        dead = true;
        throw new Error("the broker ended while it was starting");
      }),
    ]);
  } finally {
    await admin.disconnect();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { values } = parseArgs({ options: { port: { type: "string" } } });
  const port = values.port === undefined ? {} : { port: Number(values.port) };
  const broker = await startBroker([], port).catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
  process.stdout.write(`${broker.bootstrap}\n`);
  process.once("SIGINT", () => void broker.stop());
  process.once("SIGTERM", () => void broker.stop());
}
