/** What is typed into the form, as the backend takes it. Pure. */
import type { Start } from "@/host";
import { momentOf } from "@/lib/local-time";

export interface Typed {
  service: string;
  version: string;
  /** In a cluster alone; elsewhere empty. */
  image: string;
  /** A built-in plan's name; empty where there is only one's own text. */
  plan: string;
  /** As it stands in the editor. */
  yaml: string;
  /** The built-in plan's own text. */
  original: string | null;
  instances: string;
  /** NAME=value, one a line. */
  env: string;
  supersede: boolean;
  /** Local time; empty: at once. */
  notBefore: string;
  /** Why it is to start although a validation is lacking; empty: it is not. */
  reason: string;
}

export interface Parsed {
  env: Record<string, string>;
  /** What is wrong, with its line; null when nothing is. */
  mistake: string | null;
}

export function envOf(text: string): Parsed {
  const env: Record<string, string> = {};
  for (const [i, line] of text.split("\n").entries()) {
    const bare = line.trim();
    if (bare === "") continue;
    const at = bare.indexOf("=");
    const name = bare.slice(0, Math.max(0, at)).trim();
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      return { env, mistake: `line ${i + 1}: NAME=value is expected` };
    }
    if (name in env) return { env, mistake: `line ${i + 1}: ${name} stands there twice` };
    env[name] = bare.slice(at + 1);
  }
  return { env, mistake: null };
}

/** Null when it is left to the definition; NaN when it is no number of instances. */
export function instancesOf(text: string): number | null {
  const bare = text.trim();
  if (bare === "") return null;
  return /^[1-9]\d{0,3}$/.test(bare) ? Number(bare) : Number.NaN;
}

export function edited({ yaml, original }: Typed): boolean {
  return yaml !== original;
}

/** What is wrong with an image; null when nothing is. */
export function wrongImage(text: string): string | null {
  return /\s/.test(text.trim()) ? "one image, without blanks: registry/name:tag" : null;
}

/** What is still missing or wrong, in words; null when it can be sent. `placed`: in a cluster. */
export function missing(typed: Typed, mistakes: number, now = Date.now(), placed = false): string | null {
  if (typed.service === "") return "Choose a service";
  if (typed.version.trim() === "") return "Say which version";
  if (placed && typed.image.trim() === "") return "Say which image";
  if (placed && wrongImage(typed.image) !== null) return `Image: ${wrongImage(typed.image)}`;
  if (Number.isNaN(instancesOf(typed.instances) ?? 1)) return "Instances: a whole number from 1";
  if (momentOf(typed.notBefore, now).mistake !== null) return "Not before: a time to come";
  if (envOf(typed.env).mistake !== null) return "The environment has a mistake";
  if (typed.yaml.trim() === "") return "The plan is empty";
  if (mistakes > 0) return `The plan has ${mistakes} ${mistakes === 1 ? "mistake" : "mistakes"}`;
  return null;
}

/** The release and the plan, without how it is to be started: what a validation is of. */
export function checkedOf(typed: Typed): Start {
  return startOf({ ...typed, instances: "", notBefore: "", supersede: false, reason: "" });
}

/** A plan that ships goes by its name, one that was touched by its text. */
export function startOf(typed: Typed, now = Date.now()): Start {
  const { at } = momentOf(typed.notBefore, now);
  const { env } = envOf(typed.env);
  const instances = instancesOf(typed.instances);
  return {
    service: typed.service,
    version: typed.version.trim(),
    ...(edited(typed) ? { plan_yaml: typed.yaml } : { plan: typed.plan }),
    ...(typed.image.trim() !== "" && { image: typed.image.trim() }),
    ...(Object.keys(env).length > 0 && { env }),
    ...(instances !== null && { instances }),
    ...(at !== null && { not_before: new Date(at).toISOString() }),
    ...(typed.supersede && { supersede: true }),
    ...(typed.reason.trim() !== "" && { break_glass: typed.reason.trim() }),
  };
}
