/** How lines of a dashboard are called. Pure. */

/** `{{slot}}` stands for a label; one that is not there for nothing. */
export function legendOf(
  legend: string | null,
  line: { name: string; labels: Record<string, string> },
): string {
  if (legend === null) return line.name;
  const words = legend.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (_, label: string) => line.labels[label] ?? "");
  return words.replace(/\s+/g, " ").trim() || line.name;
}
