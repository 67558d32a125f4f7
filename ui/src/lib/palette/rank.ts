/** Fuzzy finding: the letters in order, the nearer to beginnings of words and to each other the better. */

const LETTER = 1;
const NEXT = 9;
const WORD = 8;
const FIRST = 4;

const isStart = (text: string, i: number) => i === 0 || /[\s./_:·-]/.test(text[i - 1] ?? "");

/** Higher is better; null when it does not match. Nothing asked for matches everything alike. */
export function score(wanted: string, text: string): number | null {
  const letters = wanted.toLowerCase().replaceAll(/\s+/g, "");
  if (letters === "") return 0;
  const hay = text.toLowerCase();
  const n = hay.length;
  // best[j]: the best score with the letter so far standing at j. Texts are short: n × m is nothing.
  let best: (number | null)[] = new Array<number | null>(n).fill(null);
  for (let k = 0; k < letters.length; k++) {
    const next = new Array<number | null>(n).fill(null);
    let before: number | null = null;
    for (let j = 0; j < n; j++) {
      if (j > 0 && best[j - 1] !== null) before = Math.max(before ?? -Infinity, best[j - 1] as number);
      if (hay[j] !== letters[k]) continue;
      const bonus = LETTER + (isStart(hay, j) ? WORD + (j === 0 ? FIRST : 0) : 0);
      if (k === 0) {
        next[j] = bonus;
      } else if (before !== null) {
        const beside = j > 0 && best[j - 1] != null ? (best[j - 1] as number) + NEXT : -Infinity;
        next[j] = Math.max(before, beside) + bonus;
      }
    }
    best = next;
  }
  const found = best.filter((s): s is number => s !== null);
  if (found.length === 0) return null;
  // Of two alike the shorter says more exactly what was meant.
  return Math.max(...found) - n / 100;
}

/** The best first; those alike stay in the order they came. */
export function ranked<T>(wanted: string, items: T[], text: (item: T) => string, limit = 50): T[] {
  return items
    .map((item, place) => ({ item, place, score: score(wanted, text(item)) }))
    .filter((found): found is typeof found & { score: number } => found.score !== null)
    .toSorted((a, b) => b.score - a.score || a.place - b.place)
    .slice(0, limit)
    .map(({ item }) => item);
}
