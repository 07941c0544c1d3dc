// npx tsx test/bench/bank.ts: window updates (score + tail score + tail learn + learn) a second over 100k series
import { statisticalBanks, tailBank } from "../../models/statistical/index.ts";

const SLOTS = 100_000;
const ROUNDS = 100;
const slots = Uint32Array.from({ length: SLOTS }, (_, i) => i);
const values = new Float64Array(SLOTS);
const raw = new Float64Array(SLOTS);
const p = new Float64Array(SLOTS);

for (const [name, make] of Object.entries(statisticalBanks)) {
  const bank = make();
  const tail = tailBank();
  bank.resize(SLOTS);
  tail.resize(SLOTS);
  let spent = 0;
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < SLOTS; i++) values[i] = 10 + ((i * 7919 + round * 104729) % 1000) / 100;
    const start = performance.now();
    bank.score(slots, values, raw);
    tail.score(slots, raw, p);
    tail.learn(slots, raw);
    bank.learn(slots, values);
    spent += performance.now() - start;
  }
  const bytes = (bank.saveBlock(0, 1).length + tail.saveBlock(0, 1).length) * 8;
  console.log(`${name.padEnd(12)} ${((SLOTS * ROUNDS) / spent / 1e3).toFixed(2)} M updates/s, ${bytes} bytes a series`);
}
