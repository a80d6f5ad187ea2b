/**
 * The charts of the HTML report as SVG text, drawn here so that the page needs neither a network nor a chart
 * library. Colours are fixed words to the page, not final: its style sheet finds them by value and gives each
 * its shade for light, dark and print.
 */
import { BarChart, CustomChart } from "echarts/charts";
import { GridComponent } from "echarts/components";
import { init, use, type ComposeOption } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import type { BarSeriesOption, CustomSeriesOption, GridComponentOption } from "echarts";
import { clipped, oneLine, shortTime } from "../text.ts";
import { escapeHtml } from "./escape.ts";
import type { Bin } from "./histogram.ts";
import type { Timeline } from "./lanes.ts";

use([BarChart, CustomChart, GridComponent, SVGRenderer]);

type Option = ComposeOption<BarSeriesOption | CustomSeriesOption | GridComponentOption>;

/** Must be those of page.css. */
const COLOURS: Readonly<Record<string, string>> = {
  passed: "#2e8b57",
  failed: "#c8403a",
  error: "#9a4bc4",
  skipped: "#8a94a6",
  flaky: "#c98a1b",
  other: "#5b7fb5",
  ink: "#4a5568",
  line: "#d5dbe5",
};

const WIDTH = 960;
const NO_MOTION = { animation: false, textStyle: { fontFamily: "inherit", fontSize: 13 } } as const;
const INK = { color: COLOURS["ink"] ?? "" };
const LINE = { lineStyle: { color: COLOURS["line"] ?? "" } };

interface Drawing {
  height: number;
  /** Of the marks of the only series, by their place in its data: what a pointer over them shows. */
  titles: readonly string[];
}

function draw({ height, titles }: Drawing, option: Option): string {
  const chart = init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  try {
    chart.setOption({ ...NO_MOTION, ...option });
    return titled(withoutStyles(chart.renderToSVGString()), titles);
  } finally {
    chart.dispose();
  }
}

/** The page's policy allows no style within: what the renderer puts there is about hovering and fonts. */
function withoutStyles(svg: string): string {
  return svg
    .replace(/<style[^]*?<\/style>/g, "")
    .replace(/ style="[^"]*"/g, "")
    .replace(/ class="[^"]*"/g, "")
    .replace(/ xml:space="preserve"/g, "")
    .replace("<svg ", '<svg aria-hidden="true" focusable="false" ');
}

function titled(svg: string, titles: readonly string[]): string {
  const mark = / ecmeta_series_index="\d+" ecmeta_data_index="(\d+)" ecmeta_ssr_type="chart">/g;
  return svg.replace(mark, (_, index: string) => {
    const title = titles[Number(index)];
    return title === undefined ? ">" : `><title>${escapeHtml(title)}</title>`;
  });
}

const BAR_HEIGHT = 22;

/** One bar over the whole width, parted by outcome. */
export function outcomeBar(parts: readonly { name: string; count: number }[]): string {
  const total = parts.reduce((sum, { count }) => sum + count, 0);
  const series = parts.map(
    ({ name, count }): BarSeriesOption => ({
      type: "bar",
      stack: "all",
      barWidth: BAR_HEIGHT,
      data: [count],
      itemStyle: { color: colourOf(name) },
    }),
  );
  const svg = draw(
    { height: BAR_HEIGHT, titles: [] },
    {
      grid: { left: 0, right: 0, top: 0, bottom: 0 },
      xAxis: { type: "value", max: total, show: false },
      yAxis: { type: "category", data: [""], show: false },
      series,
    },
  );
  // As wide as the page, however wide that is.
  return svg.replace("<svg ", '<svg preserveAspectRatio="none" ');
}

export function durationChart(bins: readonly Bin[]): string {
  return draw(
    { height: 260, titles: [] },
    {
      grid: {
        left: 8,
        right: 8,
        top: 24,
        bottom: 8,
        outerBoundsMode: "same",
        outerBoundsContain: "axisLabel",
      },
      xAxis: {
        type: "category",
        data: bins.map(({ title }) => title),
        axisLabel: { ...INK, interval: 0 },
        axisLine: LINE,
      },
      yAxis: { type: "value", minInterval: 1, axisLabel: INK, splitLine: LINE },
      series: [
        {
          type: "bar",
          data: bins.map(({ count }) => count),
          itemStyle: { color: COLOURS["other"] ?? "" },
          label: { show: true, position: "top", ...INK },
        },
      ],
    },
  );
}

const LANE_HEIGHT = 22;
const LANE_CHARS = 28;
/**
 * The library keeps texts as keys of plain objects: a worker called `__proto__` would reach the prototype of
 * every object in this process. With a space behind it that does not break, no name is a key of meaning.
 */
const NO_KEY = "\u00a0";

export function timelineChart({ lanes, bars }: Timeline): string {
  const names = lanes.map((name) => `${oneLine(name).slice(0, LANE_CHARS)}${NO_KEY}`);
  return draw(
    {
      titles: bars.map(({ title, start_ms, end_ms }) => {
        const name = clipped(oneLine(title));
        return `${name}: ${shortTime(end_ms - start_ms)}, from ${shortTime(start_ms)} on`;
      }),
      height: Math.max(90, lanes.length * LANE_HEIGHT + 50),
    },
    {
      grid: {
        left: 8,
        right: 24,
        top: 8,
        bottom: 8,
        outerBoundsMode: "same",
        outerBoundsContain: "axisLabel",
      },
      xAxis: {
        type: "value",
        axisLabel: { ...INK, formatter: (ms: number) => shortTime(ms) },
        splitLine: LINE,
      },
      yAxis: { type: "category", data: names, inverse: true, axisLabel: INK, axisLine: LINE },
      series: [
        {
          type: "custom",
          renderItem: (_params, api) => {
            const [x = 0, y = 0] = api.coord([api.value(1), api.value(0)]);
            const [end = 0] = api.coord([api.value(2), api.value(0)]);
            const height = LANE_HEIGHT * 0.66;
            const shape = { x, y: y - height / 2, width: Math.max(1.5, end - x - 1), height, r: 2 };
            const fill = colourOf(bars[_params.dataIndex]?.outcome ?? "");
            return { type: "rect", shape, style: { fill } };
          },
          encode: { x: [1, 2], y: 0 },
          data: bars.map(({ lane, start_ms, end_ms }) => [lane, start_ms, end_ms]),
        },
      ],
    },
  );
}

function colourOf(outcome: string): string {
  const word = outcome === "timed_out" ? "failed" : outcome;
  return COLOURS[word] ?? COLOURS["error"] ?? "";
}
