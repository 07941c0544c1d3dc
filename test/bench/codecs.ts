/**
 * Plain MB in a second of processor time, all threads counted, of each compression in both directions, on JSON points.
 * `npx tsx test/bench/codecs.ts`
 */
import { gzip, lz4, snappy, zstd } from "../../pipelines/runtime/kafka/kafkajs/codecs.ts";
import { randomOf } from "../chaos/signals.ts";

const MAX = 1 << 26;
const random = randomOf(1);
const line = (i: number) =>
  `${JSON.stringify({ time: 1.76e12 + 17 * i, service: ["gateway", "orders"][i % 2], metric: `m${i % 7}`, value: 20 + random() })}\n`;

async function rate(plainBytes: number, work: () => Promise<unknown>): Promise<number> {
  const rounds = Math.ceil(3e7 / plainBytes);
  const rates: number[] = [];
  for (let pass = 0; pass < 7; pass++) {
    const start = process.cpuUsage();
    for (let i = 0; i < rounds; i++) await work();
    const { user, system } = process.cpuUsage(start);
    rates.push((plainBytes * rounds) / (user + system));
  }
  return rates.sort((a, b) => a - b)[3] as number; // the median
}

for (const count of [200, 10_000]) {
  const plain = Buffer.from(Array.from({ length: count }, (_, i) => line(i)).join(""));
  for (const [name, codec] of Object.entries({ gzip, snappy, lz4, zstd })) {
    const packed = await codec.compress(plain);
    const [read, write] = [
      await rate(plain.length, () => codec.decompress(packed, MAX)),
      await rate(plain.length, () => codec.compress(plain)),
    ];
    const text = [
      name.padEnd(6),
      `${plain.length} B`.padStart(9),
      `ratio ${(plain.length / packed.length).toFixed(1)}`,
    ];
    process.stdout.write(`${text.join("  ")}  read ${Math.round(read)} MB/s  write ${Math.round(write)} MB/s\n`);
  }
}
