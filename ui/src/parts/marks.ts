import type { Mark } from "@/host";

/** The word that goes with each shape. */
export const WORDS: Record<Mark, string> = {
  good: "good",
  warn: "warning",
  bad: "bad",
  "no-data": "no data",
  moving: "moving",
};
