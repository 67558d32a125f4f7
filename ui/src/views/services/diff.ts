/** Two texts, line by line: what goes, what comes. */

export interface DiffLine {
  kind: "same" | "gone" | "come";
  text: string;
  /** In the old text and the new, from 1. */
  old: number | null;
  new: number | null;
}

/** The longest run of lines that both have, by the table of lengths; definitions are short. */
export function diff(before: string, after: string): DiffLine[] {
  const a = before.replace(/\n$/, "").split("\n");
  const b = after.replace(/\n$/, "").split("\n");
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint32Array(b.length + 1));
  const at = (i: number, j: number) => lengths[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const row = lengths[i] as Uint32Array;
      row[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const result: DiffLine[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      result.push({ kind: "same", text: a[i] as string, old: ++i, new: ++j });
    } else if (j >= b.length || (i < a.length && at(i + 1, j) >= at(i, j + 1))) {
      result.push({ kind: "gone", text: a[i] as string, old: ++i, new: null });
    } else {
      result.push({ kind: "come", text: b[j] as string, old: null, new: ++j });
    }
  }
  return result;
}

/** What changed with `around` lines about it; a gap stands for what is the same and left out. */
export function changedParts(lines: DiffLine[], around = 2): (DiffLine | "gap")[] {
  const near = lines.map((_, i) =>
    lines.slice(Math.max(0, i - around), i + around + 1).some((line) => line.kind !== "same"),
  );
  const result: (DiffLine | "gap")[] = [];
  lines.forEach((line, i) => {
    if (near[i]) result.push(line);
    else if (result.at(-1) !== "gap") result.push("gap");
  });
  return result;
}
