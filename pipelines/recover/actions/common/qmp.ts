import { connect } from "node:net";
import { PipelineError } from "../../../core/errors.ts";

export interface Qmp {
  /** @throws PipelineError ACTION_FAILED for an error of QEMU's, no answer in time, or a connection that breaks */
  execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** A command that works as a job (snapshots): settles when the job has. */
  job(command: string, id: string, args: Readonly<Record<string, unknown>>): Promise<void>;
}

const MAX_LINE = 4_000_000;

/**
 * Opens a QMP socket for the time of `use`: QEMU serves one client at a time. JSON both ways, so no name is ever parsed.
 * @see QEMU documentation, QEMU Machine Protocol Specification
 */
export async function withQmp<T>(path: string, use: (qmp: Qmp) => Promise<T>, timeoutMs = 60_000): Promise<T> {
  const failed = (detail: string) => new PipelineError("ACTION_FAILED", `qmp ${path}`, { detail });
  const socket = connect({ path });
  type Waiter = { resolve: (value: unknown) => void; reject: (error: Error) => void };
  const waiting = new Map<string, Waiter>();
  let broken: Error | undefined;
  let greeted = () => {};
  const greeting = new Promise<void>((resolve, reject) => {
    greeted = resolve;
    waiting.set("greeting", { resolve: () => resolve(), reject });
  });
  greeting.catch(() => {});
  const breakAll = (detail: string) => {
    broken ??= failed(detail);
    for (const { reject } of waiting.values()) reject(broken);
    socket.destroy();
  };
  const timer = setTimeout(() => breakAll(`no answer within ${timeoutMs} ms`), timeoutMs);
  let rest = "";
  socket.setEncoding("utf8");
  socket.on("error", (e) => breakAll(e.message));
  socket.on("close", () => breakAll("closed"));
  socket.on("data", (part: string) => {
    const lines = (rest + part).split("\n");
    rest = lines.pop() as string;
    if (rest.length > MAX_LINE) return breakAll("an answer is too long");
    for (const line of lines) take(line);
  });
  function take(line: string) {
    let message: Record<string, unknown>;
    try {
      message = JSON.parse(line) as Record<string, unknown>;
    } catch {
      return breakAll("not JSON");
    }
    if ("QMP" in message) return greeted();
    const waiter = waiting.get(String(message.id));
    if (waiter === undefined) return; // an event
    waiting.delete(String(message.id));
    if ("error" in message) waiter.reject(failed(String((message.error as { desc?: unknown }).desc).slice(0, 300)));
    else waiter.resolve(message.return);
  }
  let next = 0;
  const execute: Qmp["execute"] = (command, args) =>
    new Promise((resolve, reject) => {
      if (broken) return reject(broken);
      const id = String(next++);
      waiting.set(id, { resolve, reject });
      socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    });
  try {
    await greeting;
    await execute("qmp_capabilities");
    return await use({
      execute,
      async job(command, id, args) {
        await execute(command, { "job-id": id, ...args });
        for (;;) {
          const jobs = (await execute("query-jobs")) as { id: string; status: string; error?: string }[];
          const job = jobs.find((j) => j.id === id);
          if (job === undefined) throw failed(`job ${id} is gone`);
          if (job.status === "concluded") {
            await execute("job-dismiss", { id });
            if (job.error !== undefined) throw failed(`${command}: ${job.error.slice(0, 300)}`);
            return;
          }
          await new Promise((go) => setTimeout(go, 20));
        }
      },
    });
  } finally {
    clearTimeout(timer);
    waiting.clear();
    socket.destroy();
  }
}
