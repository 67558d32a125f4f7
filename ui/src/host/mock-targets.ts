/** `targets.yaml` as a plain browser plays it: what is saved is shown again, and roughly checked. */
import type { TargetsCheck, TargetsFile, TargetsText } from "./generated";

const KEYS = new Set(
  (
    "defaults scrape kubernetes probes host job targets labels groups interval timeout scheme path params " +
    "honor_labels honor_timestamps body_limit sample_limit auth tls relabel_configs metric_relabel_configs " +
    "probe component critical every http tcp dns expect programs measured"
  ).split(" "),
);

/** None where a key is not known: what the backend says of such a text has to be recorded. */
function roughly(yaml: string): TargetsCheck | undefined {
  const lines = yaml.split("\n").filter((line) => !line.trim().startsWith("#"));
  const keys = lines.flatMap((line) => /^[\s-]*([\w-]+):/.exec(line)?.[1] ?? []);
  if (keys.some((key) => !KEYS.has(key))) return undefined;
  const listed = lines.flatMap((line) => /^\s*targets:\s*\[(.*)\]/.exec(line)?.[1]?.split(",") ?? []);
  const scrapes = listed.map((target) => target.trim().replace(/^["']|["']$/g, ""));
  const probes = lines.filter((line) => /^\s*-\s*\{?\s*probe:/.test(line)).length;
  return { mistakes: [], scrapes, probes, missing_secrets: [] };
}

export function mockTargets(recorded: (name: string) => unknown) {
  let kept: string | null = null;
  const file = (answer: TargetsFile): TargetsFile =>
    kept === null ? answer : { ...answer, text: kept, check: roughly(kept) ?? answer.check };
  return {
    seen: { "targets.file": file },
    own: { "targets.check": ({ yaml }: { yaml?: string }) => roughly(yaml ?? "") },
    acts: {
      "targets.write": ({ yaml }: TargetsText) => {
        kept = yaml;
        return file(recorded("targets.file") as TargetsFile);
      },
    },
  };
}
