/** Times that do not count, in words and for charts. Pure but for the zone of local times. */
import type { Excluded } from "@/host";
import type { ChartBand } from "@/lib/chart/options";
import { ms } from "@/lib/format";
import { inZone, timeZone } from "@/lib/zone.svelte";

/** Whether it takes a time out of that objective's budget. */
export function concerns(one: Excluded, service: string, name: string): boolean {
  return one.service === service && (one.objective === null || one.objective === name);
}

/** Those of the file have no id; two that agree in all of this are the same. */
export function keyOf(one: Excluded): string {
  return one.id ?? `file ${one.objective} ${one.from} ${one.to} ${one.reason}`;
}

export function bandsOf(all: Excluded[]): ChartBand[] {
  return all.map(({ from, to }) => ({ from: ms(from), to: ms(to) }));
}

/** A day and a time as somebody types them; seconds only where there are some. */
export function typed(at: number, zone = timeZone()): string {
  const [day, time] = inZone(at, zone);
  return `${day} ${time.replace(/:00$/, "")}`;
}

/** 2026-12-01 13:00 to 14:00, where the reader is; the second day only where it is another. */
export function stretch(from: number, to: number, zone = timeZone()): string {
  const [begins, ends] = [typed(from, zone), typed(to, zone)];
  return `${begins} to ${begins.slice(0, 10) === ends.slice(0, 10) ? ends.slice(11) : ends}`;
}

export function stretchUtc(from: number, to: number): string {
  return `${stretch(from, to, "UTC")} UTC`;
}

/** “to come”, “now”; a time that is over needs no word. */
export function standing({ from, to }: Excluded, now: number): string | null {
  if (ms(from) > now) return "to come";
  return ms(to) > now ? "now" : null;
}

/** Others of the objective that keep a part of it from counting. */
export function overlapping(one: Excluded, all: Excluded[]): Excluded[] {
  const meets = (other: Excluded) => ms(other.from) < ms(one.to) && ms(other.to) > ms(one.from);
  return all.filter((other) => keyOf(other) !== keyOf(one) && meets(other));
}
