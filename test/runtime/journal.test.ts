import { mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { manualClock } from "../../pipelines/core/clock.ts";
import type { RawRecord } from "../../pipelines/core/records.ts";
import { openJournal } from "../../pipelines/runtime/embedded/journal.ts";
import { checkSource, readAll } from "../conformance/source.ts";
import { runAndKill } from "./kill.ts";

let root: string;
let count = 0;
const directory = () => {
  count += 1;
  return join(root, String(count));
};
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "faultwright-journal-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

const plain = (records: readonly RawRecord[]) =>
  records.map(({ format, value, position }) => [format, Buffer.from(value).toString("hex"), position]);
const segmentsOf = async (dir: string) => (await readdir(dir)).filter((name) => name.endsWith(".log")).sort();

describe("journal", () => {
  it("keeps the laws of a source", async () => {
    const dir = directory();
    const journal = await openJournal({ dir, segmentBytes: 200 });
    for (let i = 0; i < 40; i += 1) await journal.append({ format: "jsonl", value: Buffer.from(`{"i":${i}}`) });
    await journal.close();
    expect(await checkSource(() => openJournal({ dir, readOnly: true }))).toHaveLength(40);
  });

  it("gives back what was appended, from any position and for any maxBytes, also after opening again", async () => {
    const record = fc.record({ format: fc.string({ maxLength: 40 }), value: fc.uint8Array({ maxLength: 300 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { maxLength: 20 }),
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 20, max: 900 }),
        async (records, maxBytes, segmentBytes) => {
          const dir = directory();
          const journal = await openJournal({ dir, segmentBytes, clock: manualClock(5) });
          const positions = await Promise.all(records.map((each) => journal.append(each)));
          const expected = records.map(({ format, value }, i) => [
            Buffer.from(format).toString(),
            Buffer.from(value).toString("hex"),
            positions[i],
          ]);
          expect(plain(await readAll(journal, undefined, maxBytes))).toEqual(expected);
          expect(journal.endPosition()).toBe(positions.at(-1) ?? "0");
          await journal.close();
          const replay = await openJournal({ dir, readOnly: true }).catch(() => undefined);
          if (replay !== undefined) {
            expect(plain(await readAll(replay, undefined, maxBytes))).toEqual(expected);
            expect(await replay.finished(positions.at(-1))).toBe(true);
            const middle = Math.floor(positions.length / 2);
            expect(plain(await readAll(replay, positions[middle], maxBytes))).toEqual(expected.slice(middle + 1));
            await replay.close();
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it("cuts a tail torn at any byte of the last frame", async () => {
    const dir = directory();
    const journal = await openJournal({ dir });
    const first = await journal.append({ format: "a", value: Buffer.from("first") });
    // The payload holds a whole frame: it must not pass for one.
    const [name] = await segmentsOf(dir);
    const last = await journal.append({ format: "b", value: await readFile(join(dir, name!)) });
    await journal.close();
    const path = join(dir, name!);
    const whole = await readFile(path);
    for (let size = Number(first); size < Number(last); size += 1) {
      await writeFile(path, whole.subarray(0, size));
      const replay = await openJournal({ dir, readOnly: true });
      expect((await readAll(replay)).length).toBe(1);
      await replay.close();
      const again = await openJournal({ dir });
      expect(again.tornBytes).toBe(size - Number(first));
      expect(again.endPosition()).toBe(first);
      await again.append({ format: "c", value: Buffer.from("more") });
      expect((await readAll(again)).map(({ format }) => format)).toEqual(["a", "c"]);
      await again.close();
    }
  });

  it("reports any flipped byte before the last frame, and a segment that was cut short", async () => {
    const dir = directory();
    const journal = await openJournal({ dir, segmentBytes: 120 });
    const positions: string[] = [];
    for (let i = 0; i < 7; i += 1) {
      positions.push(await journal.append({ format: "f", value: Buffer.alloc(30, i) }));
    }
    await journal.close();
    const names = await segmentsOf(dir);
    expect(names.length).toBe(3);
    const limit = Number(positions[5]);
    for (const name of names) {
      const path = join(dir, name);
      const whole = await readFile(path);
      const base = Number(name.slice(0, 16));
      for (let at = 0; at < whole.length && base + at < limit; at += 1) {
        const damaged = Buffer.from(whole);
        damaged[at]! ^= 1 << (at % 8);
        await writeFile(path, damaged);
        const error = await openJournal({ dir, readOnly: true })
          .then((opened) => readAll(opened).finally(() => opened.close()))
          .catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({ code: "JOURNAL_CORRUPT", where: expect.stringMatching(`${name}@\\d+$`) });
      }
      await writeFile(path, whole);
    }
    await truncate(join(dir, names[0]!), 50);
    await expect(openJournal({ dir })).rejects.toMatchObject({ code: "JOURNAL_CORRUPT" });
  });

  it("never turns ingest time back, not even over a restart", async () => {
    const dir = directory();
    const clock = manualClock(100);
    let journal = await openJournal({ dir, clock });
    await journal.append({ format: "", value: new Uint8Array() });
    clock.set(50);
    await journal.append({ format: "", value: new Uint8Array() });
    await journal.close();
    journal = await openJournal({ dir, clock });
    await journal.append({ format: "", value: new Uint8Array() });
    expect((await readAll(journal)).map(({ ingestTimeMs }) => ingestTimeMs)).toEqual([100, 100, 100]);
    expect(await journal.finished(journal.endPosition())).toBe(false);
    await journal.close();
  });

  it("shares one sync between simultaneous appends, and goes on after a full disk", async () => {
    const dir = directory();
    const journal = await openJournal({ dir });
    const value = Buffer.alloc(1000, 7);
    await journal.append({ format: "x", value });
    const probe = await open(join(dir, "probe"), "w");
    const prototype = Object.getPrototypeOf(probe);
    const sync = vi.spyOn(prototype, "datasync");
    await Promise.all(Array.from({ length: 50 }, () => journal.append({ format: "x", value })));
    expect(sync.mock.calls.length).toBeLessThanOrEqual(2);
    sync.mockRestore();
    const { write } = prototype;
    let room = 1500;
    const full = vi.spyOn(prototype, "write").mockImplementation(async function (this: unknown, ...args: unknown[]) {
      const length = Math.min(args[2] as number, room);
      room -= length;
      if (length === 0) {
        throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
      }
      return write.call(this, args[0], args[1], length, args[3]);
    });
    const failed = await Promise.allSettled([1, 2, 3].map(() => journal.append({ format: "lost", value })));
    full.mockRestore();
    await probe.close();
    for (const result of failed) {
      expect(result).toMatchObject({ status: "rejected", reason: { code: "STORE_FAILED", retriable: true } });
    }
    await journal.append({ format: "after", value: Buffer.from("small") });
    await journal.close();
    const replay = await openJournal({ dir, readOnly: true });
    expect(replay.tornBytes).toBe(0);
    expect((await readAll(replay)).map(({ format }) => format)).toEqual([...Array(51).fill("x"), "after"]);
    await replay.close();
  });

  it("trims whole segments before both position and retention; reading there is an error", async () => {
    const dir = directory();
    const journal = await openJournal({ dir, segmentBytes: 100, retainBytes: 250 });
    const positions: string[] = [];
    for (let i = 0; i < 10; i += 1) {
      positions.push(await journal.append({ format: "", value: Buffer.alloc(83) }));
    }
    expect(await journal.trim(positions[0]!)).toBe(100);
    expect(await journal.trim(positions[2]!.replace(/0$/, "1"))).toBe(200);
    expect(await journal.trim(journal.endPosition())).toBe(400);
    expect((await segmentsOf(dir)).length).toBe(3);
    expect((await readAll(journal)).length).toBe(3);
    expect(journal.bytesAfter(undefined)).toBe(300);
    expect(journal.bytesAfter(positions[8])).toBe(100);
    await expect(journal.read(positions[0], 1)).rejects.toMatchObject({ code: "SOURCE_UNREADABLE" });
    await expect(journal.read("99999", 1)).rejects.toMatchObject({ code: "SOURCE_UNREADABLE" });
    await journal.close();
    const again = await openJournal({ dir, segmentBytes: 100 });
    expect((await readAll(again)).map(({ position }) => position)).toEqual(positions.slice(7));
    await again.close();
  });

  it("has one writer, refuses what is too large, and refuses when closed", async () => {
    const dir = directory();
    const journal = await openJournal({ dir });
    await expect(openJournal({ dir })).rejects.toMatchObject({ code: "STORE_LOCKED" });
    const format = "x".repeat(256);
    await expect(journal.append({ format, value: new Uint8Array() })).rejects.toMatchObject({ code: "LIMIT_BYTES" });
    await journal.close();
    await expect(journal.append({ format: "", value: new Uint8Array() })).rejects.toMatchObject({
      code: "STORE_FAILED",
    });
  });

  it("keeps all that was acknowledged over kills", { timeout: 60_000 }, async () => {
    const dir = directory();
    const script = fileURLToPath(new URL("journal-child.ts", import.meta.url));
    let last = 0;
    for (let round = 0; round < 5; round += 1) {
      const acknowledged = (await runAndKill(script, [dir, String(last)], Math.random() * 300)) ?? last;
      const journal = await openJournal({ dir, segmentBytes: 50_000 });
      const numbers = (await readAll(journal)).map(({ value }) => Buffer.from(value).readUInt32LE());
      await journal.close();
      expect(numbers).toEqual(numbers.map((_, i) => i + 1));
      expect(numbers.length).toBeGreaterThanOrEqual(acknowledged);
      last = numbers.length;
    }
    expect(last).toBeGreaterThan(10);
  });
});
