/** Lines of small charts as SVG paths, with a gap wherever nothing is known. */

/** Pixels. */
export interface Box {
  width: number;
  height: number;
  /** Room above and below, so that the line's own width is not cut. */
  pad: number;
}

/** Paths are in whole tenths of a pixel: short to write, and a change nobody could see is none. */
export const TENTHS = 10;

export interface Paths {
  line: string;
  /** What is under the line. */
  area: string;
  /** Nothing is known at some of the times. */
  gaps: boolean;
}

/**
 * Null when nothing is known. `fromZero`: errors are looked at from nothing, latencies from their
 * least.
 */
export function paths(values: (number | null)[], box: Box, fromZero: boolean): Paths | null {
  const [least, most] = extent(values);
  if (most < least) return null;
  const floor = fromZero ? 0 : least;
  const span = most - floor;
  const room = (box.height - 2 * box.pad) * TENTHS;
  const bottom = box.height * TENTHS;
  const step = values.length > 1 ? (box.width * TENTHS) / (values.length - 1) : 0;
  // A line that never changes lies on the floor, or in the middle where the floor means nothing.
  const flat = fromZero ? 0 : 0.5;
  const at = (i: number, value: number) => {
    const share = span > 0 ? (value - floor) / span : flat;
    return `${Math.round(i * step)} ${Math.round(bottom - box.pad * TENTHS - share * room)}`;
  };
  const found: Paths = { line: "", area: "", gaps: values.includes(null) };
  for (let first = 0; first < values.length; first++) {
    let points = "";
    let last = first;
    for (; last < values.length; last++) {
      const value = values[last];
      if (value === null || value === undefined) break;
      points += points === "" ? at(last, value) : `L${at(last, value)}`;
    }
    if (last - first > 1) {
      found.line += `M${points}`;
      found.area += `M${Math.round(first * step)} ${bottom}L${points}L${Math.round((last - 1) * step)} ${bottom}Z`;
      // A single value between two gaps is a dash, not nothing.
    } else if (last > first) found.line += `M${points}m-7 0h14`;
    first = last;
  }
  return found;
}

/** The least and the most that is known; nothing known gives a least above the most. */
function extent(values: (number | null)[]): [least: number, most: number] {
  let least = Infinity;
  let most = -Infinity;
  for (const value of values) {
    if (value === null) continue;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return [least, most];
}
