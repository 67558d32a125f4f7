/** Which environment this window looks at. Every question goes there. */
const KEPT = "deckwatch.environment";
export const FIRST = "local";

function kept(): string {
  try {
    return localStorage.getItem(KEPT) ?? FIRST;
  } catch {
    return FIRST;
  }
}

let name = $state(kept());

/** Its name; a rune: whoever reads it is run again when it changes. */
export function environment(): string {
  return name;
}

export function switchEnvironment(to: string): void {
  name = to;
  try {
    localStorage.setItem(KEPT, to);
  } catch {
    // A window without storage begins at the first environment the next time.
  }
}
