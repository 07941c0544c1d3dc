/** Alarms of several columns on machines with labels, each run of labelled rows a window. */
import { multivariateModel } from "../../../models/stream/multivariate-model.ts";
import type { NabFile } from "../../../pipelines/learn/measures/nab.ts";
import { type Labelled, multivariate } from "./data.ts";

function runs(labels: Uint8Array): [number, number][] {
  const out: [number, number][] = [];
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] === 0) continue;
    if (i > 0 && labels[i - 1] !== 0) (out.at(-1) as [number, number])[1] = i;
    else out.push([i, i]);
  }
  return out;
}

const timesOf = ({ timestamps }: Labelled) => Float64Array.from(timestamps, Number);

export function multivariateAlarms(set: "smd" | "asd", trained: boolean): NabFile[] {
  return multivariate(set).map(({ test, train }) => {
    const model = multivariateModel(test.columns.length);
    if (trained) model.fit(timesOf(train), train.values);
    const n = test.labels.length;
    const out = { score: new Float64Array(n), alarm: new Float64Array(n) };
    model.observe(timesOf(test), test.values, out);
    return { score: out.alarm, windows: runs(test.labels) };
  });
}
