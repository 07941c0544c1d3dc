import * as tf from "@tensorflow/tfjs-core";

export type BackendName = "native" | "wasm" | "cpu";

export interface Backend {
  readonly name: BackendName;
  /** Why this one: what became of those tried before it. */
  readonly why: string;
}

/** Registers a backend with tfjs-core and gives the name it registered. */
export type BackendLoader = () => Promise<string>;

/** In a variable, so that neither compiler nor bundler asks for a package that is optional. */
const NATIVE: string = "@tensorflow/tfjs-node";

export const backendLoaders: Readonly<Record<BackendName, BackendLoader>> = {
  async native() {
    restoreIsNullOrUndefined();
    await import(NATIVE);
    return "tensorflow";
  },
  async wasm() {
    await import("@tensorflow/tfjs-backend-wasm");
    await withoutProcessListeners(() => use("wasm"));
    return "wasm";
  },
  async cpu() {
    await import("@tensorflow/tfjs-backend-cpu");
    return "cpu";
  },
};

/** Fastest first for large networks; dense ones of 8 to 38 inputs train and score 1.1 to 3 times faster on wasm. */
export const BACKENDS: readonly BackendName[] = ["native", "wasm", "cpu"];

const loading = new Map<BackendLoader, Promise<string>>();

/**
 * Starts the first backend of `order` that loads, and makes it the one of this process: tfjs has only one at a time.
 * Training is reproducible to the bit on one backend, not between them. @throws Error when none loads, saying why
 */
export async function startBackend(order = BACKENDS, loaders = backendLoaders): Promise<Backend> {
  tf.enableProdMode(); // a library is silent
  const tried: string[] = [];
  for (const name of order) {
    try {
      await use(await loadOnce(loaders[name]));
      return { name, why: [...tried, `${name} loaded`].join("; ") };
    } catch (error) {
      tried.push(`${name} did not load: ${(error as Error).message.split("\n")[0]}`);
    }
  }
  throw new Error(`no tfjs backend: ${tried.join("; ")}`);
}

/** A missing package stays missing: it is looked for once. */
function loadOnce(loader: BackendLoader): Promise<string> {
  const known = loading.get(loader) ?? loader();
  loading.set(loader, known);
  return known;
}

async function use(registered: string): Promise<void> {
  if (tf.getBackend() === registered) return;
  if (!(await tf.setBackend(registered))) throw new Error(`tfjs could not start ${registered}`);
  await tf.ready();
}

/** The wasm build adds listeners that print its source on any uncaught error of the process; they go again. */
async function withoutProcessListeners(start: () => Promise<void>): Promise<void> {
  const { process } = globalThis;
  const listeners = (event: string) => process?.rawListeners(event) ?? [];
  const events = ["uncaughtException", "unhandledRejection"];
  const before = new Set(events.flatMap(listeners));
  await start();
  for (const event of events)
    for (const listener of listeners(event))
      if (!before.has(listener) && /ExitStatus|throw reason/.test(`${listener}`))
        process.removeListener(event, listener as () => void);
}

/**
 * tfjs-node 4.22 calls `util.isNullOrUndefined`, which Node 23 removed. Models import no node module, so this takes
 * `util` from the global `process`; a host without one has no native backend to patch for.
 */
function restoreIsNullOrUndefined(): void {
  const util = globalThis.process?.getBuiltinModule?.("node:util") as Record<string, unknown> | undefined;
  if (util) util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
}
