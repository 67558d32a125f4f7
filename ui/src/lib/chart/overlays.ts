/** What stands over the lines: the threshold, and marks in time. */
import type uPlot from "uplot";
import type { ChartBand, ChartMark, Look, Threshold } from "./options";

const FONT = 'px Inter, "DejaVu Sans", sans-serif';

function dashed(
  ctx: CanvasRenderingContext2D,
  color: string,
  from: [number, number],
  to: [number, number],
): void {
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = color;
  ctx.lineWidth = ratio;
  ctx.setLineDash([4 * ratio, 3 * ratio]);
  ctx.beginPath();
  ctx.moveTo(...from);
  ctx.lineTo(...to);
  ctx.stroke();
  ctx.restore();
}

/** Pixels from one line of words to the next. */
const WORDS = 13;

/** The highest first: words stand over their line, and under it where they would run into those above. */
export function drawThresholds(plot: uPlot, thresholds: Threshold[], look: Look): void {
  let before = -Infinity;
  for (const threshold of thresholds.toSorted((a, b) => b.value - a.value)) {
    const y = Math.round(plot.valToPos(threshold.value, "y", true));
    const under = y - 6 * devicePixelRatio - before < WORDS * devicePixelRatio;
    const base = under ? y + 12 * devicePixelRatio : y - 6 * devicePixelRatio;
    drawThreshold(plot, threshold, look, y, base);
    if (threshold.label) before = base;
  }
}

function drawThreshold(
  plot: uPlot,
  { label, tone = "bad" }: Threshold,
  look: Look,
  y: number,
  base: number,
): void {
  const { ctx, bbox } = plot;
  if (y < bbox.top || y > bbox.top + bbox.height) return;
  const color = look.color(`--${tone}`);
  dashed(ctx, color, [bbox.left, y], [bbox.left + bbox.width, y]);
  if (!label) return;
  ctx.save();
  ctx.font = `${11 * devicePixelRatio}${FONT}`;
  ctx.fillStyle = color;
  ctx.textAlign = "right";
  const right = bbox.left + bbox.width;
  // No line of the grid runs through the words.
  ctx.clearRect(
    right - ctx.measureText(label).width,
    base - 9 * devicePixelRatio,
    bbox.width,
    12 * devicePixelRatio,
  );
  ctx.fillText(label, right, base);
  ctx.restore();
}

/** Their words go to a second and third line where they would run into each other. */
export function drawMarks(plot: uPlot, marks: ChartMark[], look: Look): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const ends = [-Infinity, -Infinity, -Infinity];
  ctx.save();
  ctx.font = `${11 * ratio}${FONT}`;
  ctx.fillStyle = look.color("--mute");
  ctx.textAlign = "left";
  for (const { at, label } of marks.toSorted((a, b) => a.at - b.at)) {
    const x = Math.round(plot.valToPos(at, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    dashed(ctx, look.color("--line2"), [x, bbox.top], [x, bbox.top + bbox.height]);
    const width = ctx.measureText(label).width;
    // Near the right edge the words stand on the left of their line.
    const left = x + 5 * ratio + width > bbox.left + bbox.width ? x - 5 * ratio - width : x + 5 * ratio;
    const row = ends.findIndex((end) => end + 8 * ratio < left);
    // Words over words say nothing: where there is no room, the line stands alone.
    if (row < 0) continue;
    ends[row] = left + width;
    ctx.fillText(label, left, bbox.top - 4 * ratio + row * 13 * ratio);
  }
  ctx.restore();
}

/** Between two strokes of the hatching, and the least that a band is wide: an hour of a month is a pixel. */
const HATCH = 6;
const NARROWEST = 7;

export function drawBands(plot: uPlot, bands: ChartBand[], look: Look): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  const end = bbox.left + bbox.width;
  for (const band of bands) {
    const [from, to] = [plot.valToPos(band.from, "x", true), plot.valToPos(band.to, "x", true)];
    if (to < bbox.left || from > end) continue;
    const more = Math.max(0, NARROWEST * ratio - (to - from)) / 2;
    const left = Math.max(bbox.left, from - more);
    const right = Math.min(end, to + more);
    hatch(ctx, look.color("--mute"), [left, bbox.top, right - left, bbox.height], ratio);
  }
}

function hatch(
  ctx: CanvasRenderingContext2D,
  color: string,
  [left, top, width, height]: [number, number, number, number],
  ratio: number,
): void {
  ctx.save();
  ctx.beginPath();
  ctx.rect(left, top, width, height);
  ctx.clip();
  ctx.strokeStyle = color;
  ctx.lineWidth = ratio;
  ctx.globalAlpha = 0.7;
  // The lines' own dashes are still set.
  ctx.setLineDash([]);
  ctx.beginPath();
  for (let x = left - height; x < left + width; x += HATCH * ratio) {
    ctx.moveTo(x, top + height);
    ctx.lineTo(x + height, top);
  }
  ctx.stroke();
  ctx.strokeRect(left, top - ratio, width, height + 2 * ratio);
  ctx.restore();
}
