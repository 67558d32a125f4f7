/** How lines are told apart: by eight colours and, as colour alone is no sign, by four dashes. Pure. */

export const COLOURS = 8;
const DASHES: number[][] = [[], [6, 4], [2, 3], [8, 3, 2, 3]];

export interface LineLook {
  /** 1 to 8: the token `--line-1`. */
  colour: number;
  dash: number[];
  /** The dashes by number, for a legend: 0 is a whole line. */
  pattern: number;
}

export function lineLook(index: number): LineLook {
  // Neighbours differ in both; the same colour comes again with another dash.
  const pattern = (index + Math.floor(index / COLOURS)) % DASHES.length;
  return { colour: (index % COLOURS) + 1, dash: DASHES[pattern] ?? [], pattern };
}

/**
 * From zero where zero is near: differences of large values are seen only with the axis cut off,
 * and it says so by not beginning at zero.
 */
export function bounds(values: (number | null)[][]): [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (const row of values) {
    for (const v of row) {
      if (v === null) continue;
      if (v < low) low = v;
      if (v > high) high = v;
    }
  }
  if (low > high) return [0, 1];
  const span = high - low;
  if (low >= 0 && span > high * 0.1) return [0, high * 1.08];
  if (high <= 0 && span > -low * 0.1) return [low * 1.08, 0];
  const room = span > 0 ? span * 0.12 : Math.abs(high) * 0.1 || 1;
  return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
}
