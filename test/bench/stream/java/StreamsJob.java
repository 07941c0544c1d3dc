import io.opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest;
import io.opentelemetry.proto.common.v1.KeyValue;
import io.opentelemetry.proto.metrics.v1.Metric;
import io.opentelemetry.proto.metrics.v1.NumberDataPoint;
import io.opentelemetry.proto.metrics.v1.ResourceMetrics;
import io.opentelemetry.proto.metrics.v1.ScopeMetrics;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/**
 * The benchmark's Kafka Streams job: OTLP metrics to series, tumbling windows (count, sum, min, max, first, last) and a
 * z-score of each closed window against the running mean and variance of its series; anomalies go to a topic, exactly
 * once. Arguments: variant, bootstrap, warm-up topic, its points, topic, points to process, window ms, lateness ms,
 * commit ms. Runs the warm-up topic to its end, then times the other, in the same JVM. Prints one JSON object.
 *
 * <p>Variants: `defaults` is the DSL (flatMap, repartition, groupByKey, windowedBy, aggregate) with the library's settings;
 * `tuned` the same job with in-memory stores, a large cache, our commit interval and lz4; `processor` the Processor API
 * without a repartition topic, which a topic keyed by resource allows, all of a series in one in-memory store.
 */
public final class StreamsJob {
  static final double THRESHOLD = 4;
  static final int WARM_WINDOWS = 10;

  /** Written by one thread, read by another. */
  static volatile long processed;
  static volatile long firstNanos;
  static volatile long anomalies;
  static volatile long windows;
  static volatile long aggregated;

  static void count() {
    if (processed == 0) firstNanos = System.nanoTime();
    processed++;
  }

  record Point(double value, boolean sum) {}

  /** One window of one series. */
  static final class Agg {
    long start;
    long count;
    double sum;
    double min = Double.POSITIVE_INFINITY;
    double max = Double.NEGATIVE_INFINITY;
    double first;
    double last;
    boolean isSum;

    Agg add(double value, boolean cumulative) {
      if (count == 0) first = value;
      count++;
      sum += value;
      if (value < min) min = value;
      if (value > max) max = value;
      last = value;
      isSum = cumulative;
      return this;
    }

    /** What is scored: the growth of a counter, the mean of a gauge. */
    double score() {
      return isSum ? last - first : sum / count;
    }

    static final int BYTES = 57;

    void write(ByteBuffer to) {
      to.putLong(start).putLong(count).putDouble(sum).putDouble(min).putDouble(max).putDouble(first).putDouble(last);
      to.put((byte) (isSum ? 1 : 0));
    }

    static Agg read(ByteBuffer from) {
      Agg a = new Agg();
      a.start = from.getLong();
      a.count = from.getLong();
      a.sum = from.getDouble();
      a.min = from.getDouble();
      a.max = from.getDouble();
      a.first = from.getDouble();
      a.last = from.getDouble();
      a.isSum = from.get() == 1;
      return a;
    }
  }

  /** Running mean and variance (Welford 1962). */
  static final class Stats {
    long n;
    double mean;
    double m2;

    /** Distance in standard deviations; then learns. */
    double scoreAndLearn(double x) {
      double sd = n > 1 ? Math.sqrt(m2 / (n - 1)) : 0;
      double z = n >= WARM_WINDOWS && sd > 0 ? Math.abs(x - mean) / sd : 0;
      n++;
      double d = x - mean;
      mean += d / n;
      m2 += d * (x - mean);
      windows++;
      return z;
    }

    static final int BYTES = 24;

    void write(ByteBuffer to) {
      to.putLong(n).putDouble(mean).putDouble(m2);
    }

    static Stats read(ByteBuffer from) {
      Stats s = new Stats();
      s.n = from.getLong();
      s.mean = from.getDouble();
      s.m2 = from.getDouble();
      return s;
    }
  }

  /** All of one series, for the Processor API. */
  static final class State {
    Stats stats = new Stats();
    final List<Agg> open = new ArrayList<>(3);
  }

  static <T> Serde<T> serde(Function<T, byte[]> to, Function<ByteBuffer, T> from) {
    Serializer<T> s = (topic, v) -> v == null ? null : to.apply(v);
    Deserializer<T> d = (topic, bytes) -> bytes == null ? null : from.apply(ByteBuffer.wrap(bytes));
    return Serdes.serdeFrom(s, d);
  }

  static final Serde<Point> POINT =
      serde(
          p -> ByteBuffer.allocate(9).putDouble(p.value).put((byte) (p.sum ? 1 : 0)).array(),
          b -> new Point(b.getDouble(), b.get() == 1));
  static final Serde<Agg> AGG =
      serde(
          a -> {
            ByteBuffer b = ByteBuffer.allocate(Agg.BYTES);
            a.write(b);
            return b.array();
          },
          Agg::read);
  static final Serde<Stats> STATS =
      serde(
          s -> {
            ByteBuffer b = ByteBuffer.allocate(Stats.BYTES);
            s.write(b);
            return b.array();
          },
          Stats::read);
  static final Serde<State> STATE =
      serde(
          s -> {
            ByteBuffer b = ByteBuffer.allocate(Stats.BYTES + s.open.size() * Agg.BYTES);
            s.stats.write(b);
            for (Agg a : s.open) a.write(b);
            return b.array();
          },
          b -> {
            State s = new State();
            s.stats = Stats.read(b);
            while (b.hasRemaining()) s.open.add(Agg.read(b));
            return s;
          });

  interface Each {
    void point(String series, double value, boolean sum);
  }

  /** Every number point of a record with the name of its series. */
  static void decode(byte[] value, Each each) {
    try {
      for (ResourceMetrics rm : ExportMetricsServiceRequest.parseFrom(value).getResourceMetricsList()) {
        String entity = "";
        for (KeyValue kv : rm.getResource().getAttributesList())
          if (kv.getKey().equals("service.instance.id")) entity = kv.getValue().getStringValue();
        StringBuilder name = new StringBuilder(entity);
        for (ScopeMetrics sm : rm.getScopeMetricsList())
          for (Metric m : sm.getMetricsList()) {
            boolean sum = m.hasSum();
            name.setLength(entity.length());
            name.append('|').append(m.getName());
            int base = name.length();
            for (NumberDataPoint p : sum ? m.getSum().getDataPointsList() : m.getGauge().getDataPointsList()) {
              name.setLength(base);
              for (KeyValue kv : p.getAttributesList())
                name.append('|').append(kv.getKey()).append('=').append(kv.getValue().getStringValue());
              each.point(name.toString(), p.hasAsInt() ? p.getAsInt() : p.getAsDouble(), sum);
            }
          }
      }
    } catch (com.google.protobuf.InvalidProtocolBufferException e) {
      throw new IllegalStateException(e);
    }
  }

  static List<org.apache.kafka.streams.KeyValue<String, Point>> points(byte[] value) {
    List<org.apache.kafka.streams.KeyValue<String, Point>> out = new ArrayList<>(100);
    decode(value, (series, v, sum) -> out.add(new org.apache.kafka.streams.KeyValue<>(series, new Point(v, sum))));
    return out;
  }

  /** Closed windows of the DSL to anomalies. */
  static final class Score extends ContextualProcessor<Windowed<String>, Agg, String, String> {
    private KeyValueStore<String, Stats> store;

    @Override
    public void init(ProcessorContext<String, String> context) {
      super.init(context);
      store = context.getStateStore("stats");
    }

    @Override
    public void process(Record<Windowed<String>, Agg> r) {
      String series = r.key().key();
      Stats s = store.get(series);
      if (s == null) s = new Stats();
      double z = s.scoreAndLearn(r.value().score());
      store.put(series, s);
      if (z < THRESHOLD) return;
      anomalies++;
      context().forward(new Record<>(series, "{\"z\":" + z + "}", r.timestamp()));
    }
  }

  /** The whole job on one record: windows close when stream time passes their end and the lateness. */
  static final class Direct extends ContextualProcessor<byte[], byte[], String, String> {
    private final long windowMs;
    private final long latenessMs;
    private KeyValueStore<String, State> store;
    private long streamMs;

    Direct(long windowMs, long latenessMs) {
      this.windowMs = windowMs;
      this.latenessMs = latenessMs;
    }

    @Override
    public void init(ProcessorContext<String, String> context) {
      super.init(context);
      store = context.getStateStore("series");
    }

    @Override
    public void process(Record<byte[], byte[]> r) {
      long time = r.timestamp();
      if (time > streamMs) streamMs = time;
      decode(r.value(), (series, value, sum) -> point(series, time, value, sum));
    }

    private void point(String series, long time, double value, boolean sum) {
      count();
      State s = store.get(series);
      if (s == null) s = new State();
      while (!s.open.isEmpty() && s.open.get(0).start + windowMs + latenessMs <= streamMs) {
        double z = s.stats.scoreAndLearn(s.open.remove(0).score());
        if (z >= THRESHOLD) {
          anomalies++;
          context().forward(new Record<>(series, "{\"z\":" + z + "}", time));
        }
      }
      long start = time - Math.floorMod(time, windowMs);
      if (start + windowMs + latenessMs > streamMs) {
        int at = s.open.size();
        while (at > 0 && s.open.get(at - 1).start > start) at--;
        Agg a = at > 0 ? s.open.get(at - 1) : null;
        if (a == null || a.start != start) {
          a = new Agg();
          a.start = start;
          s.open.add(at, a);
        }
        a.add(value, sum);
        aggregated++;
      }
      store.put(series, s);
    }
  }

  static Topology dsl(String topic, String out, Duration window, Duration lateness, boolean memory) {
    StreamsBuilder b = new StreamsBuilder();
    Supplier<org.apache.kafka.streams.state.KeyValueBytesStoreSupplier> stats =
        () -> memory ? Stores.inMemoryKeyValueStore("stats") : Stores.persistentKeyValueStore("stats");
    var statsStore = Stores.keyValueStoreBuilder(stats.get(), Serdes.String(), STATS);
    b.addStateStore(memory ? statsStore.withCachingEnabled() : statsStore);
    Materialized<String, Agg, WindowStore<Bytes, byte[]>> store =
        Materialized.<String, Agg, WindowStore<Bytes, byte[]>>as("windows")
            .withKeySerde(Serdes.String())
            .withValueSerde(AGG);
    if (memory) store = store.withStoreType(Materialized.StoreType.IN_MEMORY);
    b.stream(topic, Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
        .flatMap((k, v) -> points(v))
        .repartition(Repartitioned.with(Serdes.String(), POINT).withName("series"))
        .peek((series, point) -> count())
        .groupByKey(Grouped.with(Serdes.String(), POINT))
        .windowedBy(TimeWindows.ofSizeAndGrace(window, lateness))
        .emitStrategy(EmitStrategy.onWindowClose())
        .aggregate(
            Agg::new,
            (k, p, a) -> {
              aggregated++;
              return a.add(p.value, p.sum);
            },
            store)
        .toStream()
        .process(Score::new, "stats")
        .to(out, Produced.with(Serdes.String(), Serdes.String()));
    return b.build();
  }

  static Topology direct(String topic, String out, long windowMs, long latenessMs) {
    StreamsBuilder b = new StreamsBuilder();
    b.addStateStore(
        Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("series"), Serdes.String(), STATE)
            .withCachingEnabled());
    b.stream(topic, Consumed.with(Serdes.ByteArray(), Serdes.ByteArray()))
        .process(() -> new Direct(windowMs, latenessMs), "series")
        .to(out, Produced.with(Serdes.String(), Serdes.String()));
    return b.build();
  }

  /** Points a second from the first to the last of `points`. */
  static double run(String[] args, String topic, long points, String dir) throws Exception {
    String variant = args[0];
    long windowMs = Long.parseLong(args[6]);
    long latenessMs = Long.parseLong(args[7]);
    String id = "streams-" + variant + "-" + topic + "-" + System.nanoTime();
    Properties p = new Properties();
    p.put("application.id", id);
    p.put("bootstrap.servers", args[1]);
    p.put("processing.guarantee", "exactly_once_v2");
    p.put("state.dir", dir);
    p.put("auto.offset.reset", "earliest");
    if (!variant.equals("defaults")) {
      p.put("num.stream.threads", 1);
      p.put("statestore.cache.max.bytes", 1L << 30);
      p.put("commit.interval.ms", Integer.parseInt(args[8]));
      p.put("producer.compression.type", "lz4");
      p.put("producer.batch.size", 256 * 1024);
      p.put("max.partition.fetch.bytes", 4 * 1024 * 1024);
    }
    Topology topology =
        variant.equals("processor")
            ? direct(topic, "anomalies-streams", windowMs, latenessMs)
            : dsl(
                topic,
                "anomalies-streams",
                Duration.ofMillis(windowMs),
                Duration.ofMillis(latenessMs),
                variant.equals("tuned"));
    processed = 0;
    anomalies = 0;
    windows = 0;
    aggregated = 0;
    try (KafkaStreams streams = new KafkaStreams(topology, p)) {
      Throwable[] failed = new Throwable[1];
      streams.setUncaughtExceptionHandler(
          e -> {
            failed[0] = e;
            return org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse
                .SHUTDOWN_CLIENT;
          });
      streams.start();
      long said = System.nanoTime();
      while (processed < points) {
        Thread.sleep(5);
        if (failed[0] != null) throw new IllegalStateException(failed[0]);
        if (System.nanoTime() - said > 5_000_000_000L) {
          said = System.nanoTime();
          System.err.println(variant + " " + topic + ": " + processed + " of " + points + " points");
        }
      }
      double seconds = (System.nanoTime() - firstNanos) / 1e9;
      double rate = processed / seconds;
      System.err.println(variant + " " + topic + ": " + Math.round(rate) + " points/s");
      return rate;
    }
  }

  public static void main(String[] args) throws Exception {
    String dir = System.getProperty("java.io.tmpdir");
    run(args, args[2], Long.parseLong(args[3]), dir);
    double rate = run(args, args[4], Long.parseLong(args[5]), dir);
    System.out.printf(
        java.util.Locale.ROOT,
        "{\"pointsPerSec\":%.1f,\"points\":%d,\"windows\":%d,\"anomalies\":%d,\"late\":%d}%n",
        rate,
        processed,
        windows,
        anomalies,
        processed - aggregated);
    System.exit(0);
  }
}
