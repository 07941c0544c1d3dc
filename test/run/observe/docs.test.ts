import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { systemClock } from "../../../pipelines/core/clock.ts";
import { parseConfig } from "../../../pipelines/core/config.ts";
import { selfMetrics } from "../../../pipelines/run/observe/self-metrics.ts";

const docs = resolve(import.meta.dirname, "../../../docs");
const metrics = selfMetrics({ config: parseConfig("{}"), clock: systemClock });
afterAll(() => metrics.close());
const registered = metrics.registry.getMetricsAsArray() as unknown as {
  name: string;
  help: string;
  type: string;
  labelNames: string[];
}[];

describe("docs/observability.md", () => {
  it("has each metric of the registry with its type, labels and help, and no other", () => {
    const rows = [
      ...readFileSync(join(docs, "observability.md"), "utf8").matchAll(/^\| `(\w+)` \| (\w+) \| (.*?) ?\| (.+) \|$/gm),
    ];
    const written = rows.map(([, name, type, labels, help]) => ({
      name,
      type,
      labels: [...(labels as string).matchAll(/`(\w+)`/g)].map((m) => m[1]),
      help,
    }));
    const known = registered.map(({ name, type, labelNames, help }) => ({
      name,
      type,
      labels: labelNames.filter((l) => l !== "le"),
      help,
    }));
    const byName = (a: { name?: string }, b: { name?: string }) => ((a.name ?? "") < (b.name ?? "") ? -1 : 1);
    expect(written.sort(byName)).toEqual(known.sort(byName));
  });
});

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}

describe("docs/alerts.yaml", () => {
  const { groups } = parse(readFileSync(join(docs, "alerts.yaml"), "utf8")) as { groups: { rules: Rule[] }[] };
  const rules = groups.flatMap((g) => g.rules);
  const names = new Set(
    registered.flatMap(({ name, type }) =>
      type === "histogram" ? ["_bucket", "_sum", "_count"].map((s) => `${name}${s}`) : [name],
    ),
  );

  it.each(rules.map((r) => [r.alert, r] as const))("%s uses metrics and labels that exist", (_, rule) => {
    const used = [...rule.expr.matchAll(/\b(?:faultwright|process|nodejs)_\w+/g)].map((m) => m[0]);
    // `up` is Prometheus' own.
    if (!rule.expr.startsWith("up{")) expect(used.length).toBeGreaterThan(0);
    for (const name of used) expect([...names], rule.expr).toContain(name);
    const labels = new Set([
      ...[...rule.expr.matchAll(/by \(([^)]*)\)/g)].flatMap((m) => (m[1] as string).split(/,\s*/)),
      ...[...rule.annotations.summary.matchAll(/\$labels\.(\w+)/g)].map((m) => m[1] as string),
    ]);
    const known = new Set(
      registered.filter((r) => used.some((u) => u.startsWith(r.name))).flatMap((r) => [...r.labelNames, "le"]),
    );
    for (const label of labels) expect([...known], rule.expr).toContain(label);
    expect(rule.labels.severity).toMatch(/^(warning|critical)$/);
  });
});
