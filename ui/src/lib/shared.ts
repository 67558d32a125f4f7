/**
 * An answer built of the parts of the one before that are equal to it. Who shows a part that did not
 * change then sees the very same object, and has nothing to do.
 */
type Fields = Record<string, unknown>;

export function shared<T>(have: unknown, next: T): T {
  return common(have, next) as T;
}

function common(have: unknown, next: unknown): unknown {
  if (have === next || typeof have !== "object" || typeof next !== "object") return next;
  if (have === null || next === null) return next;
  if (Array.isArray(next)) return Array.isArray(have) ? items(have, next) : next;
  return Array.isArray(have) ? next : fields(have as Fields, next as Fields);
}

function items(have: unknown[], next: unknown[]): unknown[] {
  const kept = next.map((item, i) => common(have[i], item));
  return have.length === next.length && kept.every((item, i) => Object.is(item, have[i])) ? have : kept;
}

function fields(have: Fields, next: Fields): Fields {
  const keys = Object.keys(next);
  const kept = Object.fromEntries(keys.map((key) => [key, common(have[key], next[key])]));
  const same =
    keys.length === Object.keys(have).length &&
    keys.every((key) => key in have && Object.is(kept[key], have[key]));
  return same ? have : kept;
}
