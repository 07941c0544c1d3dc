/** lz4 for kafkajs (frame format, as Kafka's batches hold it). Importing this registers it. */
import kafkajs from "kafkajs";
import { compressFrameSync, decompressFrameSync } from "lz4-napi";

// kafkajs is CommonJS: its registry can't be imported by name.
const { CompressionCodecs, CompressionTypes } = kafkajs;

/** Counted over all batches that this process has written. */
export const written = { batches: 0, packedBytes: 0 };

CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (encoder: { buffer: Buffer }) => {
    const packed = compressFrameSync(encoder.buffer);
    written.batches += 1;
    written.packedBytes += packed.length;
    return packed;
  },
  decompress: async (bytes: Buffer) => decompressFrameSync(bytes),
});
