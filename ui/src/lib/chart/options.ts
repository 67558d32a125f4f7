/** A chart's description as uPlot takes it. Colours are read from the tokens at the moment of drawing. */
import type uPlot from "uplot";
import { asUtc, LABEL_SPACE, labelRoom, timeLabels, valueRoom } from "./axis";
import { drawBands, drawMarks, drawThresholds } from "./overlays";

export type Tone = "stable" | "candidate" | "good" | "warn" | "bad" | "accent";

export interface Series {
  label: string;
  tone: Tone;
  /** One a time, in the order of `times`; null where nothing is known: the line has a gap there. */
  values: (number | null)[];
  /** Shades what is under it. */
  area?: boolean;
  dashed?: boolean;
}

export interface ChartMark {
  at: number;
  label: string;
}

/** A stretch of time that is hatched, such as one that does not count. */
export interface ChartBand {
  from: number;
  to: number;
}

export interface Threshold {
  value: number;
  label?: string;
  tone?: Tone;
}

export interface Look {
  color: (token: string) => string;
  format: (value: number) => string;
  log: boolean;
  /** The least the axis goes up to, so that noise near zero does not fill the picture. */
  least: number;
}

/** From one label of the axis of values to the next, at the least. */
const LABEL_HEIGHT = 22;
const AXIS_FONT = '11px "JetBrains Mono", monospace';

/** The axis holds zero, or one where it is logarithmic, and the threshold. */
export function span(
  values: (number | null)[][],
  threshold: number | number[] | undefined,
  log: boolean,
  least: number,
): [number, number] {
  const known = values.flat().filter((v): v is number => v !== null && (!log || v > 0));
  const limits = threshold === undefined ? [] : [threshold].flat();
  const most = Math.max(least, ...limits, ...known);
  if (!log) return [Math.min(0, ...limits, ...known) * 1.08, most > 0 ? most * 1.08 : 1];
  const low = Math.min(1, ...limits, ...known);
  return [10 ** Math.floor(Math.log10(low)), Math.max(most * 1.6, 10)];
}

/** On a logarithmic axis only these have a line, and of them every second, third… where `most` have no room. */
export function decades(low: number, high: number, most = Infinity): number[] {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  const many = Math.max(0, last - first + 1);
  const step = Math.max(1, Math.ceil(many / Math.max(1, most)));
  return Array.from({ length: Math.ceil(many / step) }, (_, i) => 10 ** (first + i * step));
}

function axis(look: Look): uPlot.Axis {
  return {
    stroke: () => look.color("--mute"),
    font: AXIS_FONT,
    grid: { stroke: () => look.color("--line"), width: 1 },
    ticks: { show: false },
    gap: 6,
  };
}

export type Pattern = "whole" | "dashes" | "long" | "dots";
const DASHES: Record<Pattern, number[]> = { whole: [], dashes: [5, 4], long: [9, 3], dots: [2, 3] };

/** Two lines of a chart differ by more than their colours: what serves already, and safety, are broken. */
export function patternOf({ tone, area, dashed }: Series): Pattern {
  if (dashed) return "dashes";
  if (area) return "whole";
  return tone === "stable" ? "long" : tone === "good" ? "dots" : "whole";
}

function line(series: Series, look: Look): uPlot.Series {
  const stroke = () => look.color(`--${series.tone}`);
  const dash = DASHES[patternOf(series)];
  return {
    label: series.label,
    stroke,
    width: 1.6,
    spanGaps: false,
    points: { show: false },
    ...(dash.length > 0 && { dash }),
    ...(series.area && { fill: () => look.color(`--${series.tone}-area`) }),
  };
}

export function options(
  size: { width: number; height: number },
  series: Series[],
  extra: {
    marks: () => ChartMark[];
    bands: () => ChartBand[];
    threshold: () => Threshold | Threshold[] | null;
    range: () => [number, number];
  },
  look: Look,
  moved: (index: number | null) => void,
): uPlot.Options {
  return {
    ...size,
    ms: 1,
    tzDate: asUtc,
    padding: [16, 30, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { size: 6 },
      drag: { x: false, y: false },
    },
    scales: {
      x: { time: true },
      y: { distr: look.log ? 3 : 1, range: () => extra.range() },
    },
    axes: [
      {
        ...axis(look),
        grid: { show: false },
        size: (_, labels) => labelRoom(labels),
        space: LABEL_SPACE,
        values: (_, at) => timeLabels(at),
      },
      {
        ...axis(look),
        size: (_, labels) => valueRoom(labels, 58),
        space: 34,
        ...(look.log && {
          splits: (plot: uPlot, _: number, low: number, high: number) =>
            decades(low, high, Math.floor(plot.bbox.height / devicePixelRatio / LABEL_HEIGHT)),
        }),
        filter: (_, at) => at,
        values: (_, at) => at.map((v) => look.format(v)),
      },
    ],
    series: [{}, ...series.map((s) => line(s, look))],
    hooks: {
      // Under the grid and the lines: both stay readable.
      drawClear: [(plot) => drawBands(plot, extra.bands(), look)],
      draw: [
        (plot) => {
          drawThresholds(plot, [extra.threshold() ?? []].flat(), look);
          drawMarks(plot, extra.marks(), look);
        },
      ],
      setCursor: [(plot) => moved(plot.cursor.idx ?? null)],
    },
  };
}
