/** A query as a plan's metric. Pure. */

const indented = (text: string, by: number) =>
  text
    .trim()
    .split("\n")
    .map((line) => " ".repeat(by) + line.trimEnd())
    .join("\n");

/** One line stands behind its key, more of them under it. */
function value(text: string, by: number): string {
  return `|\n${indented(text, by)}`;
}

/** A limit: values above it, several in a row, fail the rollout. */
export function limitOf(name: string, query: string, most: string): string {
  return `analysis:
  limits:
    - name: ${name}
      query: ${value(query, 8)}
      at_most: ${most}
`;
}
