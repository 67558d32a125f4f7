/** A picture of many lines as uPlot takes it. Colours are read from the tokens when it is drawn. */
import type uPlot from "uplot";
import { asUtc, LABEL_SPACE, labelRoom, timeLabels, valueRoom } from "@/lib/chart/axis";
import type { ChartMark, Look, Threshold } from "@/lib/chart/options";
import { drawMarks, drawThresholds } from "@/lib/chart/overlays";
import { lineLook } from "./lines";

const AXIS_FONT = '11px "JetBrains Mono", monospace';

/** Where an axis of sizes may have its lines. */
const POWERS = Array.from({ length: 60 }, (_, n) => 2 ** n);

/** Where the picture's inside lies in its box, in pixels, and what its edges stand for. */
export interface Laid {
  left: number;
  top: number;
  width: number;
  height: number;
  /** Milliseconds. */
  from: number;
  to: number;
  low: number;
  high: number;
}

export interface PlotWishes {
  size: { width: number; height: number };
  /** How many lines, and which of them is pointed at. */
  lines: { look: number; shown: boolean }[];
  range: () => [number, number];
  marks: () => ChartMark[];
  thresholds: () => Threshold[];
  look: Look;
  moved: (index: number | null) => void;
  /** Sizes are counted in powers of two. */
  binary: boolean;
  /** Times that were dragged over. */
  dragged: (from: number, to: number) => void;
  /** After each drawing: what stands over or under the picture is put by it. */
  laid: (place: Laid) => void;
}

function placeOf({ bbox, scales }: uPlot): Laid {
  const [left, top, width, height] = [bbox.left, bbox.top, bbox.width, bbox.height].map(
    (n) => n / devicePixelRatio,
  ) as [number, number, number, number];
  const [x, y] = [scales.x, scales.y];
  return {
    left,
    top,
    width,
    height,
    from: x?.min ?? 0,
    to: x?.max ?? 0,
    low: y?.min ?? 0,
    high: y?.max ?? 0,
  };
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

function line(at: { look: number; shown: boolean }, look: Look): uPlot.Series {
  const { colour, dash } = lineLook(at.look);
  return {
    stroke: () => look.color(`--line-${colour}`),
    width: 1.4,
    show: at.shown,
    spanGaps: false,
    // A single value between two gaps has no line.
    points: { show: (plot, i) => alone(plot.data[i] ?? []), size: 4 },
    ...(dash.length > 0 && { dash }),
  };
}

function alone(values: ArrayLike<number | null | undefined>): boolean {
  let known = 0;
  for (let i = 0; i < values.length; i++) known += values[i] == null ? 0 : 1;
  return known > 0 && known <= 2;
}

export function plotOptions(wishes: PlotWishes): uPlot.Options {
  const { size, lines, look, moved, dragged } = wishes;
  return {
    ...size,
    ms: 1,
    tzDate: asUtc,
    padding: [16, 20, 0, 0],
    legend: { show: false },
    focus: { alpha: 0.25 },
    cursor: {
      y: false,
      points: { size: 5 },
      drag: { x: true, y: false, setScale: false },
      focus: { prox: 12 },
      bind: { dblclick: () => null },
    },
    scales: { x: { time: true }, y: { range: () => wishes.range() } },
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
        size: (_, labels) => valueRoom(labels, 74),
        space: 34,
        ...(wishes.binary && { incrs: POWERS }),
        values: (_, at) => at.map((v) => look.format(v)),
      },
    ],
    series: [{}, ...lines.map((at) => line(at, look))],
    hooks: {
      draw: [
        (plot) => {
          drawThresholds(plot, wishes.thresholds(), look);
          drawMarks(plot, wishes.marks(), look);
          wishes.laid(placeOf(plot));
        },
      ],
      setCursor: [(plot) => moved(plot.cursor.idx ?? null)],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < 6) return;
          dragged(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}
