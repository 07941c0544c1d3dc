import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { compressFrameSync } from "lz4-napi";
import { compressSync } from "snappy";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { kafkaClient } from "../../../pipelines/runtime/kafka/kafkajs/client.ts";
import {
  type Codec,
  gzip,
  lz4,
  MAX_BATCH_BYTES,
  snappy,
  zstd,
} from "../../../pipelines/runtime/kafka/kafkajs/codecs.ts";
import { kafkajsTransport } from "../../../pipelines/runtime/kafka/kafkajs/transport.ts";
import { type Broker, javaTool, skipWithoutBroker, startBroker } from "../../broker/broker.ts";

const codecs: [string, Codec][] = Object.entries({ gzip, snappy, lz4, zstd });
const MiB = 1024 * 1024;
/** A frame of `count` zstd blocks that are each 128 KiB of one byte: 4 bytes a block. */
function zstdBomb(count: number): Buffer {
  const head = Buffer.from("28b52ffd0058", "hex"); // no size told, 2 MiB of window
  const block = (last: boolean) => {
    const b = Buffer.alloc(4);
    b.writeUIntLE((128 * 1024 * 8) | 2 | (last ? 1 : 0), 0, 3);
    return b;
  };
  return Buffer.concat([head, ...Array.from({ length: count }, (_, i) => block(i === count - 1))]);
}
/** The frame of 4 MiB blocks of zeros. */
function lz4Bomb(count: number): Buffer {
  const one = compressFrameSync(Buffer.alloc(4 * MiB));
  const [head, body] = [one.subarray(0, 7), one.subarray(7, one.length - 4)];
  return Buffer.concat([head, ...Array.from({ length: count }, () => body), Buffer.alloc(4)]);
}
const claim = (bytes: number) => Buffer.concat([varint(bytes), Buffer.from([0])]);
function varint(n: number): Buffer {
  const out: number[] = [];
  for (; n >= 0x80; n = Math.floor(n / 128)) out.push((n % 128) | 0x80);
  return Buffer.from([...out, n]);
}

describe.each(codecs)("%s", (_, codec) => {
  it.each([0, 1, 100, 65_536, 65_537, 3 * MiB])("gives back %i bytes, whether they pack well or not", async (size) => {
    for (const plain of [Buffer.alloc(size, "a fair amount of text "), randomBytes(size)])
      expect((await codec.decompress(await codec.compress(plain), 4 * MiB)).equals(plain)).toBe(true);
  });

  it("allocates nothing beyond what it may", async () => {
    const packed = await codec.compress(Buffer.alloc(2 * MiB));
    expect((await codec.decompress(packed, 2 * MiB)).length).toBe(2 * MiB);
    await expect(codec.decompress(packed, MiB)).rejects.toMatchObject({ code: "LIMIT_BYTES", retriable: false });
  });

  it("calls what is no batch a bad batch, whatever it is", async () => {
    const good = await codec.compress(Buffer.from("some text, some more text, some more text ".repeat(50)));
    const outcome = (packed: Buffer) =>
      codec.decompress(packed, MiB).then(
        (plain) => plain.length <= MiB,
        (error) => error.name === "BatchError",
      );
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => outcome(Buffer.from(bytes))));
    const index = fc.nat(good.length - 1);
    const damage = fc.array(fc.tuple(index, fc.nat(255)), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(damage, fc.nat(good.length), async (changes, length) => {
        const packed = Buffer.from(good.subarray(0, length));
        for (const [at, byte] of changes) if (at < length) packed[at] = byte;
        return outcome(packed);
      }),
    );
    await expect(codec.decompress(Buffer.from("no compression at all"), MiB)).rejects.toThrow(/^\w+: /);
  });
});

/** Unpacks what comes in, in a process of its own: what it held at most, bytes, and how it ended. */
const UNPACK = `
  import { readFileSync } from "node:fs";
  const codecs = await import(process.argv[1]);
  const bomb = readFileSync(0);
  const before = process.resourceUsage().maxRSS;
  const code = await codecs[process.argv[2]].decompress(bomb, codecs.MAX_BATCH_BYTES).then(() => "", (e) => e.code);
  process.stdout.write(JSON.stringify({ code, bytes: 1024 * (process.resourceUsage().maxRSS - before) }));
`;

it.each([
  ["gzip", "gzip", gzipSync(Buffer.alloc(65 * MiB))],
  ["snappy, raw", "snappy", claim(2 ** 32 - 1)],
  [
    "snappy, of many blocks",
    "snappy",
    Buffer.concat([
      Buffer.from("82534e41505059000000000100000001", "hex"),
      ...Array.from({ length: 100 }, () => Buffer.concat([Buffer.from([0, 0, 0, 4]), claim(MiB)]).subarray(0, 8)),
    ]),
  ],
  ["lz4", "lz4", lz4Bomb(17)],
  ["zstd that tells no size", "zstd", zstdBomb(520)],
  ["zstd that tells a size", "zstd", Buffer.from("28b52ffde0000000ff00000000010000", "hex")],
])("a bomb of %s goes off nowhere", (_, codec, bomb) => {
  const file = join(import.meta.dirname, "../../../pipelines/runtime/kafka/kafkajs/codecs.ts");
  const args = ["--import", "tsx", "--input-type=module", "-e", UNPACK, file, codec];
  const { stdout, stderr } = spawnSync(process.execPath, args, { input: bomb, encoding: "utf8" });
  expect(stderr).toBe("");
  const { code, bytes } = JSON.parse(stdout) as { code: string; bytes: number };
  expect(code).toBe("LIMIT_BYTES");
  expect(bytes).toBeLessThan(128 * MiB);
});

it("reads the other shapes there are: raw snappy, frames that follow each other, and blocks that build on each other", async () => {
  const plain = Buffer.from("a fair amount of text ".repeat(1000));
  expect((await snappy.decompress(compressSync(plain), MiB)).equals(plain)).toBe(true);
  const [one, skipped] = [await zstd.compress(plain), Buffer.from("502a4d1803000000ffffff", "hex")];
  const twice = await zstd.decompress(Buffer.concat([one, skipped, one]), MiB);
  expect(twice.equals(Buffer.concat([plain, plain]))).toBe(true);
  // A stored block, then one that copies 8 bytes of it and goes on with 5 of its own.
  const frame = "04224d184040c010000080303132333435363738396162636465660900000004100050767778797a00000000";
  expect((await lz4.decompress(Buffer.from(frame, "hex"), MiB)).toString()).toBe("0123456789abcdef01234567vwxyz");
});

it("loads in Node itself, which finds fewer names in a CommonJS module than vitest does", () => {
  const file = join(import.meta.dirname, "../../../pipelines/runtime/kafka/kafkajs/transport.ts");
  const args = ["--import", "tsx", "--input-type=module", "-e", `await import(${JSON.stringify(file)})`];
  expect(spawnSync(process.execPath, args, { encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
});

describe.skipIf(skipWithoutBroker())("between us and Java, through a broker", () => {
  const names = ["gzip", "snappy", "lz4", "zstd"] as const;
  let broker: Broker;
  let dir: string;

  beforeAll(async () => {
    broker = await startBroker();
    dir = mkdtempSync(join(tmpdir(), "faultwright-codecs-"));
    const admin = kafkaClient({ brokers: [broker.bootstrap] }).admin();
    const topics = names.flatMap((n) => [`java-${n}`, `ours-${n}`, "bomb"]);
    await admin.createTopics({ topics: [...new Set(topics)].map((topic) => ({ topic, numPartitions: 1 })) });
    await admin.disconnect();
  }, 180_000);
  afterAll(async () => {
    await broker?.stop();
    if (dir) rmSync(dir, { recursive: true });
  });

  it("what Java's producer packs is what we read", async () => {
    const lines = Array.from({ length: 3000 }, (_, i) => `{"n":${i},"text":"${randomBytes(40).toString("hex")}"}`);
    const payload = join(dir, "lines");
    writeFileSync(payload, `${lines.join("\n")}\n`);
    const main = "org.apache.kafka.tools.ProducerPerformance";
    const flags = ["--num-records", "5000", "--throughput", "-1", "--payload-file", payload];
    // Waiting fills batches of more than one block.
    const props = [`bootstrap.servers=${broker.bootstrap}`, "batch.size=400000", "linger.ms=200"];
    await Promise.all(
      names.map((n) =>
        javaTool(main, [...flags, "--topic", `java-${n}`, "--producer-props", ...props, `compression.type=${n}`]),
      ),
    );
    const transport = kafkajsTransport({ brokers: [broker.bootstrap] });
    const reader = await transport.reader(names.map((n) => `java-${n}`));
    const known = new Set(lines);
    for (const name of names) {
      let [offset, seen] = [0n, 0];
      while (offset < 5000n) {
        const got = await reader.take(`java-${name}`, 0, offset, MiB, 5000);
        for (const { value } of got.records) if (known.has(Buffer.from(value ?? []).toString())) seen += 1;
        offset = got.nextOffset;
      }
      expect([name, seen]).toEqual([name, 5000]);
    }
    await transport.close();
  }, 60_000);

  it("what we pack is what Java's consumer reads", async () => {
    const expected: string[] = [];
    for (const compression of names) {
      const transport = kafkajsTransport({ brokers: [broker.bootstrap], compression });
      const lines = Array.from({ length: 3000 }, (_, i) => `${compression} ${i} ${randomBytes(20).toString("hex")}`);
      await transport.produce(
        `ours-${compression}`,
        lines.map((l) => ({ value: Buffer.from(l), partition: 0 })),
      );
      await transport.close();
      expected.push(...lines);
      const segment = readFileSync(join(broker.dataDir, `ours-${compression}-0`, "00000000000000000000.log"));
      expect(segment.readInt16BE(21) & 7).toBe(names.indexOf(compression) + 1); // the attributes of the first batch
    }
    const printed = await javaTool("org.apache.kafka.tools.consumer.ConsoleConsumer", [
      ...["--bootstrap-server", broker.bootstrap, "--include", "ours-.*", "--from-beginning"],
      ...["--max-messages", String(expected.length), "--timeout-ms", "20000"],
    ]);
    expect(printed.trim().split("\n").sort()).toEqual(expected.sort());
  }, 60_000);

  it("a bomb in a topic is an error with its name, and the process lives", async () => {
    const transport = kafkajsTransport({ brokers: [broker.bootstrap], compression: "gzip" });
    await transport.produce("bomb", [{ value: Buffer.alloc(MAX_BATCH_BYTES), partition: 0 }]);
    const reader = await transport.reader(["bomb"]);
    await expect(reader.take("bomb", 0, 0n, MiB, 10_000)).rejects.toMatchObject({
      code: "LIMIT_BYTES",
      where: expect.stringContaining("bomb/0@0"),
      retriable: false,
    });
    await transport.close();
  }, 60_000);
});
