/** The zone that local times are shown in: the reader's choice, else the machine's own. */
const KEPT = "deckwatch.zone";

/** Whether this browser knows the zone; a name from a settings file may be anything. */
export function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function kept(): string | null {
  try {
    const name = localStorage.getItem(KEPT);
    return name !== null && isZone(name) ? name : null;
  } catch {
    return null;
  }
}

let chosen = $state(kept());

/** Null: the machine's own. A rune. */
export function timeZone(): string | null {
  return chosen;
}

export function setTimeZone(name: string | null): void {
  chosen = name !== null && isZone(name) ? name : null;
  try {
    if (chosen === null) localStorage.removeItem(KEPT);
    else localStorage.setItem(KEPT, chosen);
  } catch {
    // Where nothing can be kept the choice holds until the window closes.
  }
}

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string | null): Intl.DateTimeFormat {
  const key = zone ?? "";
  const found = formats.get(key);
  if (found) return found;
  const made = new Intl.DateTimeFormat("en-GB", {
    ...(zone !== null && { timeZone: zone }),
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  });
  formats.set(key, made);
  return made;
}

/** The day and the time there: ["2026-11-20", "15:32:07"]. */
export function inZone(at: number, zone: string | null = timeZone()): [day: string, time: string] {
  const parts = Object.fromEntries(
    formatOf(zone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  );
  return [
    `${parts["year"]}-${parts["month"]}-${parts["day"]}`,
    `${parts["hour"]}:${parts["minute"]}:${parts["second"]}`,
  ];
}
