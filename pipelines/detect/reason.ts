const round = (v: number): string => {
  const a = Math.abs(v);
  if (a === 0) return "0";
  if (a >= 1e9 || a < 1e-3) return v.toExponential(2);
  return String(Number(v.toPrecision(3)));
};

/** A value against what was expected, in words: "4.2 times the usual 12 ms". */
export function reason(unit: string, value: number, expected: number): string {
  const u = unit === "" || unit === "1" ? "" : ` ${unit}`;
  const diff = value - expected;
  const word = diff >= 0 ? "above" : "below";
  if (Math.abs(expected) < 1e-9) return `${round(value)}${u}, where ${round(expected)}${u} is usual`;
  const ratio = value / expected;
  if (ratio >= 2) return `${round(ratio)} times the usual ${round(expected)}${u}`;
  return `${round(Math.abs(100 * (ratio - 1)))} % ${word} the usual ${round(expected)}${u}`;
}
