/**
 * The checks that stand in a plan's text, to be named before they are run. It reads lines, not YAML;
 * nothing is decided by it: what counts is what the backend ran.
 */
import type { CheckStatus } from "@/host";
import { uncommented, unquoted, valueOf } from "@/views/rollouts/plan-outline";

export interface DeclaredCheck {
  name: string;
  description: string;
  critical: boolean;
  /** As it is written; null where the plan leaves it to the backend. */
  timeout: string | null;
  retries: number;
}

/** A check of the plan's own, or checks that ship, by their name. */
export type Declared = DeclaredCheck | { preset: string };

/** Maps in which a key may be called anything. */
const INNER = /\b(?:env|secrets|headers):\s*\{[^{}]*\}/g;

/** A sentence may have commas; in one line with other keys it is left out. */
const DESCRIPTION = /^\s*description:\s*(\S.*)$/;

/** The lines under a key at the margin; what follows it on its own line comes first. */
function section(yaml: string, key: string): string[] {
  const lines: string[] = [];
  let inside = false;
  for (const raw of yaml.split("\n")) {
    const line = uncommented(raw);
    if (line.trim() === "") continue;
    const own = /^([a-z_]+):(.*)$/.exec(line);
    if (own) {
      inside = own[1] === key;
      if (inside && own[2]?.trim()) lines.push(own[2]);
    } else if (inside) lines.push(line);
  }
  return lines;
}

/** What stands between commas that are in no bracket. */
function parted(text: string): string[] {
  const parts: string[] = [""];
  let depth = 0;
  for (const sign of text) {
    if ("[{".includes(sign)) depth += 1;
    if ("]}".includes(sign)) depth -= 1;
    if (sign === "," && depth === 0) parts.push("");
    else parts[parts.length - 1] += sign;
  }
  return parts;
}

/** Each item as its lines; an item begins with a dash at the column of the first. */
function items(lines: string[]): string[][] {
  const first = lines[0]?.trim() ?? "";
  if (first.startsWith("[")) {
    const whole = lines.join(" ").trim();
    return parted(whole.slice(1, whole.lastIndexOf("]"))).map((part) => [part]);
  }
  const found: string[][] = [];
  let dash: number | null = null;
  for (const line of lines) {
    const column = /^(\s*)-\s/.exec(line)?.[1]?.length;
    if (column !== undefined && (dash === null || column === dash)) {
      dash = column;
      found.push([line.slice(column + 2)]);
    } else found.at(-1)?.push(line);
  }
  return found;
}

function checkOf(lines: string[]): Declared | null {
  const bare = lines.map((line) => line.replace(INNER, ""));
  const of = (key: string) => bare.map((line) => valueOf(line, key)).find((found) => found !== null) ?? null;
  const name = of("name");
  const alone = lines.length === 1 ? unquoted(lines[0] ?? "") : "";
  if (alone !== "" && !alone.includes(":") && !alone.startsWith("{")) return { preset: alone };
  if (name === null) return null;
  return {
    name,
    description: unquoted(bare.map((line) => DESCRIPTION.exec(line)?.[1] ?? "").find(Boolean) ?? ""),
    critical: of("critical") !== "false",
    timeout: of("timeout"),
    retries: Number(of("retries") ?? 3) || 0,
  };
}

/** In the plan's order; empty when it asks for none. */
export function declaredIn(yaml: string): Declared[] {
  return items(section(yaml, "validate")).flatMap((lines) => checkOf(lines) ?? []);
}

/** As the backend would show them before any was begun. */
export function notRun(declared: Declared[], presets: Record<string, Declared[]>): CheckStatus[] {
  return declared.flatMap((one): CheckStatus[] => {
    if ("preset" in one) {
      const found = presets[one.preset];
      return found
        ? notRun(found, {})
        : notRun([{ name: one.preset, description: "", critical: true, timeout: null, retries: 0 }], {});
    }
    const { name, description, critical, timeout, retries } = one;
    return [
      {
        ...{ name, description, critical, retries, timeout: timeout ?? "", looks_at: "" },
        ...{
          standing: "not-done",
          attempt: 0,
          started_at: null,
          took: null,
          why: "",
          tail: "",
          intent: null,
        },
      },
    ];
  });
}
