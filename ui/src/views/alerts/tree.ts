/** Files, groups and rules as the lines of one table. Pure. */
import type { RuleFileRow, RuleGroupRow, RuleRow } from "@/host";
import { plural, stampUtc } from "@/lib/format";

export type TreeRow =
  | { kind: "file"; key: string; file: RuleFileRow }
  | { kind: "group"; key: string; file: RuleFileRow; group: RuleGroupRow }
  | { kind: "rule"; key: string; file: RuleFileRow; group: RuleGroupRow; rule: RuleRow };

const fits = (text: string, words: string[]) => words.every((word) => text.toLowerCase().includes(word));

/** What matches, with the group and the file it stands in. */
export function tree(files: RuleFileRow[], filter: string): TreeRow[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return files.flatMap((file) => {
    const groups = file.groups.flatMap((group): TreeRow[] => {
      const above = `${file.name} ${group.name}`;
      const rules = group.rules.filter((rule) =>
        fits(`${above} ${rule.name} ${rule.query} ${rule.severity}`, words),
      );
      if (rules.length === 0 && !fits(above, words)) return [];
      const at = `${file.name}/${group.name}`;
      return [
        { kind: "group", key: at, file, group },
        ...rules.map((rule) => ({ kind: "rule" as const, key: `${at}/${rule.place}`, file, group, rule })),
      ];
    });
    if (groups.length === 0 && !fits(file.name, words)) return [];
    return [{ kind: "file", key: file.name, file }, ...groups];
  });
}

/** The line of its file that a row is about. */
export function lineOf(row: TreeRow): number {
  if (row.kind === "file") return row.file.mistakes[0]?.line || 1;
  return row.kind === "rule" ? row.rule.line : (row.group.rules[0]?.line ?? 1);
}

/** What is wrong with it, or worth knowing; null where all is well. */
export function trouble(row: TreeRow): string | null {
  if (row.kind === "file") {
    const [first] = row.file.mistakes;
    if (!first) return null;
    const at = first.line > 0 ? `line ${first.line}: ` : "";
    return `${plural(row.file.mistakes.length, "mistake")}; ${at}${first.message}`;
  }
  if (row.kind === "group") {
    const { lost, behind } = row.group;
    const said = [
      ...(behind ? ["behind: it makes up for what was missed"] : []),
      ...(lost ? [`lost: the moments from ${stampUtc(lost[0])} to ${stampUtc(lost[1])}`] : []),
    ];
    return said.length === 0 ? null : said.join("; ");
  }
  const { failure, refused } = row.rule;
  const said = [
    ...(failure === null ? [] : [`failed: ${failure}`]),
    ...(refused > 0 ? [`${plural(refused, "sample")} could not be kept`] : []),
  ];
  return said.length === 0 ? null : said.join("; ");
}
