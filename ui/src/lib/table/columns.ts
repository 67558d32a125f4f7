import type { Snippet } from "svelte";

export interface Column<Row, Sort extends string = string> {
  id: string;
  title: string;
  /** Pixels it never goes below. */
  min: number;
  /** Its part of the room that is left; 0 keeps it at `min`. */
  grow?: number;
  /** Figures stand at the end of their column. */
  end?: boolean;
  /** The backend's name of the order; without it the column cannot be sorted. */
  sort?: Sort;
  cell: Snippet<[Row]>;
}

/** grid-template-columns. */
export function template<Row, Sort extends string>(columns: Column<Row, Sort>[]): string {
  return columns
    .map(({ min, grow = 0 }) => (grow > 0 ? `minmax(${min}px, ${grow}fr)` : `${min}px`))
    .join(" ");
}

export const COLUMN_GAP = 14;
export const EDGE = 12;

/** Narrower than this the table scrolls sideways. */
export function leastWidth<Row, Sort extends string>(columns: Column<Row, Sort>[]): number {
  return columns.reduce((sum, { min }) => sum + min, 2 * EDGE + COLUMN_GAP * (columns.length - 1));
}
