/** Templates of a log file: one row a line. */
import { closeSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { Miner, type MinerOptions } from "../../models/logs/miner.ts";
import { parametersOf } from "../../models/logs/parameters.ts";
import type { Template, TemplateSet } from "../../models/logs/template-set.ts";
import { PipelineError } from "../core/errors.ts";
import { redactor } from "../core/redact/redactor.ts";
import { detectHeader } from "../ingest/logs/detect-header.ts";
import { headerFormat, type MessageOf } from "../ingest/logs/header-format.ts";
import { multiLine } from "../ingest/logs/multi-line.ts";
import { textLines } from "../ingest/logs/text-lines.ts";

export interface TemplatesOptions extends MinerOptions {
  readonly input: string;
  readonly output: string;
  /** Header format; detected where it is not given. */
  readonly format?: string;
  /** Lines of a stack trace, or indented ones, have the template of the message that they continue. */
  readonly multiLine?: boolean;
  /** Secrets and personal data are taken out first. */
  readonly redact?: boolean;
  /** Adds a column with the values at the wildcards, as JSON. Reads the input twice. */
  readonly parameters?: boolean;
}

export interface TemplatesResult {
  readonly lines: number;
  readonly templates: number;
  /** What the header was taken to be; null where there was none. */
  readonly header: string | null;
  readonly cutLines: number;
  readonly forgottenTemplates: number;
}

const SAMPLE_LINES = 1000;
const SPOOL_IDS = 64 * 1024;
const WRITE_CHARS = 64 * 1024;

/**
 * Writes `LineId,EventId,Template` for every line of `input`, in order; `LineId` counts from 1. What template a line has
 * is said after the last line, so ids wait in a file beside the output. Memory does not depend on the number of lines.
 * Throws CONFIG_INVALID, SOURCE_UNREADABLE, STORE_FAILED (the output can't be written).
 */
export async function writeTemplates(options: TemplatesOptions): Promise<TemplatesResult> {
  const given = options.format === undefined ? undefined : headerFormat(options.format);
  const clean = cleaner(options);
  const miner = new Miner(options);
  const spool = idSpool(`${options.output}.ids`);
  try {
    let messageOf = given;
    let shape: string | null = options.format ?? null;
    const continues = options.multiLine ? multiLine() : () => false;
    let last = 0;
    const learn = (lines: readonly string[], of: MessageOf) => {
      for (const line of lines) {
        if (!continues(line) || last === 0) last = miner.add(clean(of(line)));
        spool.push(last);
      }
    };
    let sample: string[] = [];
    const decide = () => {
      const detected = detectHeader(sample);
      shape = detected?.shape ?? null;
      messageOf = detected?.messageOf ?? ((line) => line);
      learn(sample, messageOf);
      sample = [];
    };
    for await (const lines of textLines(options.input)) {
      if (messageOf) learn(lines, messageOf);
      else {
        for (const line of lines) sample.push(line);
        if (sample.length >= SAMPLE_LINES) decide();
      }
    }
    if (!messageOf) decide();
    const set = miner.templates();
    await writeRows(options, spool, set, messageOf as MessageOf);
    const { lines, cutLines, forgottenTemplates } = miner.counts;
    return { lines, templates: set.templates.length, header: shape, cutLines, forgottenTemplates };
  } finally {
    spool.remove();
  }
}

const cleaner = ({ redact = false }: TemplatesOptions) => (redact ? redactor().text : (text: string) => text);

const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;

async function writeRows(
  options: TemplatesOptions,
  spool: IdSpool,
  set: TemplateSet,
  messageOf: MessageOf,
): Promise<void> {
  const { input, output, parameters = false } = options;
  const clean = cleaner(options);
  const partial = `${output}.partial`;
  const rowEnds = new Map<Template, string>();
  const rowEnd = (template: Template) => {
    const known = rowEnds.get(template) ?? `,T${template.id},${quoted(template.text)}`;
    rowEnds.set(template, known);
    return known;
  };
  try {
    const file = await open(partial, "w");
    try {
      let text = `LineId,EventId,Template${parameters ? ",Parameters" : ""}\n`;
      let lineId = 0;
      const again = parameters ? textLines(input) : undefined;
      let lines: string[] = [];
      let next = 0;
      for (const ids of spool.read())
        for (const id of ids) {
          const template = set.of(id);
          text += `${++lineId}${rowEnd(template)}`;
          if (again) {
            while (next >= lines.length) {
              const batch = await again.next();
              if (batch.done) throw new PipelineError("SOURCE_UNREADABLE", input, { detail: "it became shorter" });
              lines = batch.value;
              next = 0;
            }
            const values = parametersOf(clean(messageOf(lines[next++] as string)), template.text);
            text += `,${quoted(JSON.stringify(values?.map((p) => [p.type, p.value]) ?? null))}`;
          }
          text += "\n";
          if (text.length >= WRITE_CHARS) {
            await file.write(text);
            text = "";
          }
        }
      await file.write(text);
    } finally {
      await file.close();
    }
    await rename(partial, output);
  } catch (cause) {
    await rm(partial, { force: true });
    if (cause instanceof PipelineError) throw cause;
    throw unwritable(output, cause);
  }
}

const unwritable = (path: string, cause: unknown) =>
  new PipelineError("STORE_FAILED", path, { detail: (cause as Error).message, cause });

interface IdSpool {
  push(id: number): void;
  /** What was pushed, in order. */
  read(): Generator<Int32Array>;
  remove(): void;
}

/** Ids that wait in a file. */
function idSpool(path: string): IdSpool {
  let file: number;
  try {
    file = openSync(path, "w+");
  } catch (cause) {
    throw unwritable(path, cause);
  }
  const block = new Int32Array(SPOOL_IDS);
  let held = 0;
  let written = 0;
  const write = () => {
    try {
      writeSync(file, block, 0, held * 4, written);
    } catch (cause) {
      throw unwritable(path, cause);
    }
    written += held * 4;
    held = 0;
  };
  return {
    push(id) {
      block[held++] = id;
      if (held === SPOOL_IDS) write();
    },
    *read() {
      write();
      for (let at = 0; at < written; ) {
        const bytes = readSync(file, block, 0, Math.min(block.byteLength, written - at), at);
        yield block.subarray(0, bytes / 4);
        at += bytes;
      }
    },
    remove() {
      closeSync(file);
      rmSync(path, { force: true });
    },
  };
}
