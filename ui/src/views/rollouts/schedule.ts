/** Steps that begin on a day, as columns of days in the reader's zone. Pure. */
import type { RolloutStatus, StepStatus } from "@/host";
import { clockUtc, ms } from "@/lib/format";
import { inZone } from "@/lib/zone.svelte";
import { isOver } from "./words";

export interface Planned {
  index: number;
  step: StepStatus;
  /** When it may begin; null: as soon as the one before it has ended. */
  at: number | null;
  /** done, now, to come: as the calendar's bar shows it. */
  when: "done" | "now" | "to-come";
}

export interface Day {
  /** `2026-11-21`, where the reader is. */
  day: string;
  title: string;
  today: boolean;
  /** Days on which nothing begins, beyond this one. */
  more: number;
  steps: Planned[];
}

const DAY = 86_400_000;
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/** So many days on which nothing begins stand alone; more are one column. */
const ALONE = 2;

export function hasSchedule(status: RolloutStatus): boolean {
  return status.steps.some((step) => step.not_before != null);
}

/** Sat 21 Nov */
export function dayTitle(day: string): string {
  const at = new Date(`${day}T00:00:00Z`);
  return `${WEEKDAYS[at.getUTCDay()]} ${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
}

const numberOf = (day: string) => Math.round(Date.parse(`${day}T00:00:00Z`) / DAY);
const nameOf = (number: number) => new Date(number * DAY).toISOString().slice(0, 10);

function planned(status: RolloutStatus): (Planned & { day: number })[] {
  let day = numberOf(inZone(ms(status.started_at))[0]);
  return status.steps.map((step, index) => {
    const at = step.not_before != null ? ms(step.not_before) : index === 0 ? ms(status.started_at) : null;
    if (at !== null) day = numberOf(inZone(at)[0]);
    const when = step.done ? "done" : step.current && !isOver(status.phase) ? "now" : "to-come";
    return { index, step, at, when, day };
  });
}

/** From the first step's day to the last one's, with today while the rollout is not over. */
export function daysOf(status: RolloutStatus, now: number): Day[] {
  const all = planned(status);
  const numbers = all.map(({ day }) => day);
  const today = numberOf(inZone(now)[0]);
  if (!isOver(status.phase)) numbers.push(today);
  const [first, last] = [Math.min(...numbers), Math.max(...numbers)];
  const days: Day[] = [];
  for (let number = first; number <= last; number += 1) {
    const steps = all.filter(({ day }) => day === number);
    const name = nameOf(number);
    const before = days.at(-1);
    const free = steps.length === 0 && number !== today;
    if (free && before?.steps.length === 0 && !before.today && emptyRun(all, today, number) > ALONE) {
      before.more += 1;
      continue;
    }
    days.push({
      day: name,
      title: dayTitle(name),
      today: number === today,
      more: 0,
      steps,
    });
  }
  return days;
}

/** How many days in a row around this one have no step and are not today. */
function emptyRun(all: { day: number }[], today: number, number: number): number {
  const taken = [...all.map(({ day }) => day), today];
  const before = Math.max(...taken.filter((day) => day < number));
  const after = Math.min(...taken.filter((day) => day > number));
  return after - before - 1;
}

/** 09:00, with its day where that is another than the column's. */
export function utcOf(at: number, column: string): string {
  const day = new Date(at).toISOString().slice(0, 10);
  const clock = clockUtc(at).slice(0, 5);
  return day === column ? clock : `${clock} ${dayTitle(day).slice(4)}`;
}

export function localOf(at: number): string {
  return inZone(at)[1].slice(0, 5);
}
