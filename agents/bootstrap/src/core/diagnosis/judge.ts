import { CALM_SECONDS, type ConditionType, entryOf, type Finding } from './catalogue.ts';

/** A fault that has been told. */
export interface Fault {
  readonly code: string;
  readonly cause: string;
  readonly remedy: string;
  readonly condition: ConditionType;
  readonly reason: string;
  /** Seconds of CLOCK_BOOTTIME of its first sign. */
  readonly since: number;
}

interface Tracked {
  readonly finding: Finding;
  readonly since: number;
  readonly seen: number;
  /** When it was told last; undefined as long as its signs may pass by themselves. */
  readonly told?: number;
}

/** What is remembered between two looks, by code. */
export type Suspicions = ReadonlyMap<string, Tracked>;

export interface Judgement {
  readonly suspicions: Suspicions;
  /** All faults, the oldest first. */
  readonly faults: readonly Fault[];
  readonly begun: readonly Fault[];
  readonly ended: readonly Fault[];
  /** Faults to tell now: those that have begun, and each again after a minute. */
  readonly due: readonly Fault[];
}

/** Whoever begins to read a console learns within a minute what is wrong. */
const REPEAT_SECONDS = 60;
/** Without this a repetition slips by one look each time. */
const EARLY_SECONDS = 1;

/** init cuts lines for the console at 1 KiB, and then their fields are lost. */
const LONGEST_CAUSE = 400;

const faultOf = ({ finding, since }: Tracked): Fault => {
  const { condition, reason, remedy } = entryOf(finding);
  const { code } = finding;
  const cause = finding.cause.slice(0, LONGEST_CAUSE);
  return { code, cause, remedy: finding.remedy ?? remedy, condition, reason, since };
};

const isTold = ({ told }: Tracked): boolean => told !== undefined;

/** Faults whose end only probes can find. */
const PROBED =
  /^KIOS_FAULT_(?:GATEWAY_SILENT|DNS_DEAD|MTU|API_\w+|IDENTITY|NAME_TAKEN)$|^KIOS_BOOTSTRAP_TOKEN$/;

/** Seconds for which a fault's end is looked for often. One that stays, as where no names are served, can wait. */
const HURRY_SECONDS = 300;

/** Returns whether more is to be asked of the network now: something may be a fault, or its fault may be over. */
export const isUrgent = (suspicions: Suspicions, up: number): boolean =>
  [...suspicions.values()].some(
    (one) => !isTold(one) || (PROBED.test(one.finding.code) && up - one.since < HURRY_SECONDS),
  );

/** Returns whether a fault's signs were there until now, or so lately that it counts on. */
function isOn({ finding, seen, told }: Tracked, up: number): boolean {
  if (seen === up) return true;
  // Signs that pass before their time were none.
  if (told === undefined) return false;
  return up - seen < (entryOf(finding).calmSeconds ?? CALM_SECONDS);
}

function track(before: Suspicions, findings: readonly Finding[], up: number): Map<string, Tracked> {
  const next = new Map(before);
  for (const finding of findings) {
    const known = before.get(finding.code);
    next.set(finding.code, { ...known, finding, since: known?.since ?? up, seen: up });
  }
  return next;
}

/** A fault that is over while its signs return is another one. */
function isDue({ finding, since, told }: Tracked, up: number): boolean {
  if (told !== undefined) return up - told >= REPEAT_SECONDS - EARLY_SECONDS;
  return up - since >= entryOf(finding).afterSeconds;
}

/** Judges what was found at `up` (seconds of CLOCK_BOOTTIME) by what was found before. */
export function judge(before: Suspicions, findings: readonly Finding[], up: number): Judgement {
  const tracked = track(before, findings, up);
  const suspicions = new Map<string, Tracked>();
  const [begun, ended, due]: [Fault[], Fault[], Fault[]] = [[], [], []];
  for (const [code, one] of tracked) {
    const fault = faultOf(one);
    if (!isOn(one, up)) {
      if (isTold(one)) ended.push(fault);
      continue;
    }
    const isNow = isDue(one, up);
    if (isNow) due.push(fault);
    if (isNow && !isTold(one)) begun.push(fault);
    suspicions.set(code, isNow ? { ...one, told: up } : one);
  }
  const faults = [...suspicions.values()].filter(isTold).map(faultOf);
  return { suspicions, faults: faults.toSorted((a, b) => a.since - b.since), begun, ended, due };
}
