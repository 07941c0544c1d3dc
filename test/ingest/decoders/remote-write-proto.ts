/** prometheus/prompb (remote write 1.0 and 2.0), for protobufjs: field numbers from the published .proto files. */
import protobuf from "protobufjs";
import snappy from "snappy";

const SHARED = `
message Sample { double value = 1; int64 timestamp = 2; }
message BucketSpan { sint32 offset = 1; uint32 length = 2; }
message Histogram { oneof count { uint64 count_int = 1; double count_float = 2; } double sum = 3; sint32 schema = 4;
  double zero_threshold = 5; oneof zero_count { uint64 zero_count_int = 6; double zero_count_float = 7; }
  repeated BucketSpan negative_spans = 8; repeated sint64 negative_deltas = 9; repeated double negative_counts = 10;
  repeated BucketSpan positive_spans = 11; repeated sint64 positive_deltas = 12; repeated double positive_counts = 13;
  int32 reset_hint = 14; int64 timestamp = 15; repeated double custom_values = 16; }`;
const one = protobuf.parse(`syntax = "proto3"; ${SHARED}
message Label { string name = 1; string value = 2; }
message TimeSeries { repeated Label labels = 1; repeated Sample samples = 2; repeated Histogram histograms = 4; }
message MetricMetadata { int32 type = 1; string metric_family_name = 2; string help = 4; string unit = 5; }
message Request { repeated TimeSeries timeseries = 1; repeated MetricMetadata metadata = 3; }`).root;
const two = protobuf.parse(`syntax = "proto3"; ${SHARED}
message Metadata { int32 type = 1; uint32 help_ref = 3; uint32 unit_ref = 4; }
message TimeSeries { repeated uint32 labels_refs = 1; repeated Sample samples = 2; repeated Histogram histograms = 3;
  Metadata metadata = 5; }
message Request { repeated string symbols = 4; repeated TimeSeries timeseries = 5; }`).root;

const encoder = (root: protobuf.Root) => (request: object) => {
  const type = root.lookupType("Request");
  return Buffer.from(type.encode(type.fromObject(request)).finish());
};
/** Uncompressed. */
export const writeOne = encoder(one);
export const writeTwo = encoder(two);
export const packed = (bytes: Buffer): Buffer => snappy.compressSync(bytes);

type Labels = Record<string, string>;
export interface TestSeries {
  readonly labels: Labels;
  readonly samples?: readonly (readonly [value: number, timestamp: number])[];
  readonly histograms?: readonly object[];
  readonly metadata?: { type?: number; unit?: string };
}

const samples = (s: TestSeries) => s.samples?.map(([value, timestamp]) => ({ value, timestamp })) ?? [];

export const requestOne = (series: readonly TestSeries[]): object => ({
  timeseries: series.map((s) => ({
    labels: Object.entries(s.labels).map(([name, value]) => ({ name, value })),
    samples: samples(s),
    histograms: s.histograms ?? [],
  })),
});

export function requestTwo(series: readonly TestSeries[]): object {
  const symbols = [""];
  const ref = (text: string) => {
    const at = symbols.indexOf(text);
    return at >= 0 ? at : symbols.push(text) - 1;
  };
  const timeseries = series.map((s) => ({
    labelsRefs: Object.entries(s.labels).flatMap(([name, value]) => [ref(name), ref(value)]),
    samples: samples(s),
    histograms: s.histograms ?? [],
    metadata: { type: s.metadata?.type ?? 0, unitRef: ref(s.metadata?.unit ?? "") },
  }));
  return { symbols, timeseries };
}
