/** The compressions of Kafka, for kafkajs, which has gzip only. */
import kafkajs, { CompressionTypes } from "kafkajs";
import { compressFrame, decompressFrame } from "lz4-napi";

interface Encoded {
  readonly buffer: Buffer;
}
interface Codec {
  compress(encoder: Encoded): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}

const lz4: Codec = {
  compress: ({ buffer }) => compressFrame(buffer),
  decompress: (buffer) => decompressFrame(buffer),
};

let registered = false;

/** kafkajs keeps codecs for the whole process. */
export function registerCodecs(): void {
  if (registered) return;
  registered = true;
  kafkajs.CompressionCodecs[CompressionTypes.LZ4] = () => lz4;
}
