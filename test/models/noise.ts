export const NOISES = ["white", "ar1", "lognormal", "student3", "poisson2"] as const;
export type Noise = (typeof NOISES)[number];

/** Seeded uniform in (0, 1): mulberry32. */
export function uniform(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (((t ^ (t >>> 14)) >>> 0) + 0.5) / 4294967296;
  };
}

export function normal(seed: number): () => number {
  const u = uniform(seed);
  return () => Math.sqrt(-2 * Math.log(u())) * Math.cos(2 * Math.PI * u());
}

/** One sample at each call; level 10 for the symmetric kinds so that the relative floor is in play but small. */
export function noise(kind: Noise, seed: number): () => number {
  const z = normal(seed);
  const u = uniform(seed ^ 0x9e3779b9);
  let last = 0;
  switch (kind) {
    case "white":
      return () => 10 + z();
    case "ar1":
      return () => {
        last = 0.7 * last + Math.sqrt(1 - 0.49) * z();
        return 10 + last;
      };
    case "lognormal":
      return () => Math.exp(z());
    case "student3":
      return () => 10 + z() / Math.sqrt((z() ** 2 + z() ** 2 + z() ** 2) / 3);
    case "poisson2":
      return () => {
        let k = 0;
        for (let p = u(); p > Math.exp(-2); p *= u()) k++;
        return k;
      };
  }
}
