/** Evidence charts as SVG, drawn on the server by ECharts. */

import { formatTime, formatValue } from "../core/format.ts";
import type { EvidenceChart } from "../core/records.ts";

const WIDTH = 640;
const HEIGHT = 200;

/** Loaded late: a pipeline without incidents never needs it. */
async function load() {
  const [core, charts, components, renderers] = await Promise.all([
    import("echarts/core"),
    import("echarts/charts"),
    import("echarts/components"),
    import("echarts/renderers"),
  ]);
  core.use([
    charts.LineChart,
    components.GridComponent,
    components.MarkLineComponent,
    components.MarkAreaComponent,
    renderers.SVGRenderer,
  ]);
  return core;
}
let loaded: ReturnType<typeof load> | undefined;

/** ECharts numbers its ids over the life of a process; two renders of one report must be equal to the byte. */
function renumbered(svg: string, prefix: string): string {
  const seen = new Map<string, string>();
  return svg.replace(/zr\d+[-_][\w-]+/g, (id) => {
    const known = seen.get(id) ?? `${prefix}-${seen.size}`;
    seen.set(id, known);
    return known;
  });
}

/** One chart: the values, the expected band shaded, the onset marked. `prefix` keeps ids of several charts on a page apart. */
export async function chartSvg(chart: EvidenceChart, prefix: string): Promise<string> {
  loaded ??= load();
  const core = await loaded;
  const at = (i: number) => chart.startMs + i * chart.stepMs;
  const end = at(Math.max(1, chart.values.length));
  const instance = core.init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height: HEIGHT });
  try {
    const known = chart.values.filter((v): v is number => v !== null);
    const low = Math.min(...known, chart.band.low);
    const high = Math.max(...known, chart.band.high);
    const show = (v: number) => formatValue(v, chart.unit, chart.series);
    instance.setOption({
      animation: false,
      backgroundColor: "transparent",
      grid: { left: 76, right: 16, top: 14, bottom: 26 },
      xAxis: {
        type: "value",
        min: chart.startMs,
        max: end,
        splitNumber: 5,
        axisLabel: { color: "#71717a", formatter: (v: number) => formatTime(v), hideOverlap: true },
        axisLine: { lineStyle: { color: "#a1a1aa" } },
        splitLine: { show: false },
      },
      yAxis: {
        type: "value",
        min: low >= 0 ? 0 : undefined,
        max: high > 0 ? undefined : 1,
        splitNumber: 3,
        axisLabel: { color: "#71717a", formatter: show },
        splitLine: { lineStyle: { color: "#8884" } },
      },
      series: [
        {
          type: "line",
          showSymbol: false,
          connectNulls: false,
          lineStyle: { width: 1.8, color: "#2563eb" },
          itemStyle: { color: "#2563eb" },
          data: chart.values.map((v, i) => [at(i), v]),
          markArea: {
            silent: true,
            itemStyle: { color: "#16a34a", opacity: 0.18 },
            data: [[{ yAxis: Math.max(chart.band.low, low >= 0 ? 0 : chart.band.low) }, { yAxis: chart.band.high }]],
          },
          markLine: {
            silent: true,
            symbol: "none",
            animation: false,
            label: { formatter: "start", color: "#dc2626", position: "insideEndTop" },
            lineStyle: { color: "#dc2626", type: "dashed", width: 1.5 },
            data: [{ xAxis: chart.onsetMs }],
          },
        },
      ],
    });
    const svg = renumbered(instance.renderToSVGString(), prefix);
    return svg
      .replace(/<svg /, '<svg role="img" ')
      .replace(/ width="\d+" height="\d+"/, ` viewBox="0 0 ${WIDTH} ${HEIGHT}"`)
      .replace(/(viewBox="[^"]*")([^>]*) viewBox="[^"]*"/, "$1$2");
  } finally {
    instance.dispose();
  }
}
