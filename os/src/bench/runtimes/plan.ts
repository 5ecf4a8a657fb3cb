import * as v from 'valibot';

/** A runtime that is started, and what it is given. */
export const Candidate = v.object({
  name: v.string(),
  /** The program and its flags. */
  command: v.array(v.string()),
  env: v.record(v.string(), v.string()),
  /** A program that prints a line and waits. */
  line: v.string(),
  /** A program that prints what the runtime lacks. */
  probe: v.string(),
  /** The program of each agent. */
  agents: v.record(v.string(), v.string()),
});
export type Candidate = Readonly<v.InferOutput<typeof Candidate>>;

/** What is started in the sandbox. */
export const Plan = v.object({
  candidates: v.array(Candidate),
  /** Arguments of each agent. */
  agents: v.record(v.string(), v.array(v.string())),
  rounds: v.number(),
});
export type Plan = Readonly<v.InferInput<typeof Plan>>;

/** Memory of a process. */
const Memory = v.object({
  /** Pages that it has written. */
  writtenKiB: v.number(),
  /** Pages that only it maps. */
  privateKiB: v.number(),
  /** All its pages, each divided by the number of processes that map it. */
  shareKiB: v.number(),
});
export type Memory = Readonly<v.InferOutput<typeof Memory>>;

/** How far a program comes. */
const Reached = v.object({
  /** From exec to the first line, of each round. */
  firstLineMs: v.array(v.number()),
  /** Processor time of its threads when that line was read, of each round. */
  cpuMs: v.array(v.number()),
  /** The events of its lines, each once, until it rests or ends. */
  events: v.array(v.string()),
  /** At rest; absent of a program that has ended. */
  memory: v.optional(Memory),
  /** Of a program that has ended: the last line on standard error, the signal, or the exit code. */
  ended: v.optional(v.string()),
});
export type Reached = Readonly<v.InferOutput<typeof Reached>>;

/** The program that only prints a line, beside the agents. */
export const LINE = 'a line';

/** What a runtime does. */
export const Outcome = v.object({
  name: v.string(),
  /** What the agents use and it has not. */
  lacks: v.array(v.string()),
  programs: v.record(v.string(), Reached),
});
export type Outcome = Readonly<v.InferOutput<typeof Outcome>>;

/** Reads `/proc/<pid>/smaps_rollup`. */
export function parseRollup(text: string): Memory {
  const kib = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return {
    writtenKiB: kib('Private_Dirty'),
    privateKiB: kib('Private_Dirty') + kib('Private_Clean'),
    shareKiB: kib('Pss'),
  };
}

/** Returns the names of the events in an agent's log, each once, in order. */
export function eventsOf(lines: readonly string[]): string[] {
  const events = lines.flatMap((line) => /"ev":"([^"]+)"/.exec(line)?.[1] ?? []);
  return [...new Set(events)];
}
