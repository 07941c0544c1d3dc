import { z } from "zod";

/** `500ms`, `5s`, `10m`, `2h`, `1d`, or a number of milliseconds; gives ms. */
export const duration = z
  .union([
    z.number().positive(),
    z.string().regex(/^\d+(\.\d+)?(ms|s|m|h|d)$/, "write a duration as 500ms, 5s, 10m, 2h or 1d"),
  ])
  .transform((v) => {
    if (typeof v === "number") return v;
    const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[v.replace(/[\d.]+/, "")] as number;
    return Number.parseFloat(v) * unit;
  });
