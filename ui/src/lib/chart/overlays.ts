/** What stands over the lines: the threshold, and marks in time. */
import type uPlot from "uplot";
import type { ChartMark, Look, Threshold } from "./options";

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

export function drawThreshold(plot: uPlot, { value, label, tone = "bad" }: Threshold, look: Look): void {
  const { ctx, bbox } = plot;
  const y = Math.round(plot.valToPos(value, "y", true));
  if (y < bbox.top || y > bbox.top + bbox.height) return;
  const color = look.color(`--${tone}`);
  dashed(ctx, color, [bbox.left, y], [bbox.left + bbox.width, y]);
  if (!label) return;
  ctx.save();
  ctx.font = `${11 * devicePixelRatio}${FONT}`;
  ctx.fillStyle = color;
  ctx.textAlign = "right";
  const [right, base] = [bbox.left + bbox.width, y - 6 * devicePixelRatio];
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
