import type { OutageRecord } from "../../pipelines/core/reliability.ts";

/** An outage of which nobody says more than `known`. */
export const outageWith = (known: Pick<OutageRecord, "id" | "startMs"> & Partial<OutageRecord>): OutageRecord => ({
  ...{ service: "a", severity: "", mode: "", detectedMs: null, acknowledgedMs: null, mitigatedMs: null },
  ...{ resolvedMs: null, byChange: null, repairs: null, writes: null, injected: null },
  ...known,
});
