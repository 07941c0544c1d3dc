/** The alert track: truth is read here, apart from what is ranked. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { diagnoseAlerts } from "../../../pipelines/run/diagnose/diagnose-alerts.ts";
import { DATA } from "./cases.ts";
import { type Figures, figures } from "./measure.ts";

export async function judgeAlerts(): Promise<Record<string, Figures>> {
  const out: Record<string, Figures> = {};
  for (const system of ["hotel", "sockshop"]) {
    const path = join(DATA, "events", `${system}.json.gz`);
    const answers = await diagnoseAlerts(path);
    const truth = JSON.parse(gunzipSync(readFileSync(path)).toString()) as { id: string; root_cause: string }[];
    out[system] = figures(
      truth.map((t) => {
        const at = answers[t.id]?.services.findIndex((s) => s.name === t.root_cause) ?? -1;
        return at < 0 ? null : at + 1;
      }),
    );
  }
  return out;
}
