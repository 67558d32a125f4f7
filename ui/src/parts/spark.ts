/** Lines of small charts as SVG paths, with a gap wherever nothing is known. */

export interface Box {
  width: number;
  height: number;
  /** Room above and below, so that the line's own width is not cut. */
  pad: number;
}

type Point = [x: number, y: number];

/** Runs of known values. `from` zero: errors are looked at from nothing, latencies from their least. */
export function runs(values: (number | null)[], box: Box, fromZero: boolean): Point[][] {
  const known = values.filter((v): v is number => v !== null);
  const least = fromZero ? 0 : Math.min(...known);
  const most = Math.max(...known);
  const span = most - least;
  const room = box.height - 2 * box.pad;
  const step = values.length > 1 ? box.width / (values.length - 1) : 0;
  const result: Point[][] = [];
  let run: Point[] = [];
  values.forEach((value, i) => {
    if (value === null) {
      run = [];
      return;
    }
    // A line that never changes lies on the floor, or in the middle where the floor means nothing.
    const share = span > 0 ? (value - least) / span : fromZero ? 0 : 0.5;
    if (run.length === 0) result.push(run);
    run.push([i * step, box.height - box.pad - share * room]);
  });
  return result;
}

const at = ([x, y]: Point) => `${x.toFixed(1)} ${y.toFixed(1)}`;

export function linePath(all: Point[][]): string {
  return all
    .map((run) => {
      // A single value between two gaps is a dash, not nothing.
      const [first] = run;
      if (run.length === 1 && first) return `M${at([first[0] - 0.7, first[1]])}h1.4`;
      return `M${run.map(at).join("L")}`;
    })
    .join("");
}

export function areaPath(all: Point[][], box: Box): string {
  return all
    .filter((run) => run.length > 1)
    .map((run) => {
      const [first, last] = [run[0] as Point, run[run.length - 1] as Point];
      return `M${at([first[0], box.height])}L${run.map(at).join("L")}L${at([last[0], box.height])}Z`;
    })
    .join("");
}
