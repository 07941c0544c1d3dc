import { InvalidArgumentError } from "commander";

const UNITS: Readonly<Record<string, number>> = { "": 1000, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 };

/** Ms of 90s, 10m, 2h; a bare number is seconds. */
export function duration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(s|m|min|h)?$/.exec(text.trim());
  if (!match) throw new InvalidArgumentError("give a time such as 90s, 10m, 2h");
  return Number(match[1]) * UNITS[match[2] ?? ""]!;
}

export function whole(text: string): number {
  const n = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(n) || n < 0) throw new InvalidArgumentError("give an integer >= 0");
  return n;
}
