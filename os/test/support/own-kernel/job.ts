import * as v from 'valibot';

/** What a guest does. Paths are absolute, and the same on the workstation. */
export const Job = v.object({
  command: v.tupleWithRest([v.string()], v.string()),
  cwd: v.string(),
  env: v.record(v.string(), v.string()),
  /** File that the command writes and the guest hands out. */
  result: v.string(),
});
export type Job = v.InferOutput<typeof Job>;

/** The guest's serial port for the result. */
export const RESULT_DEVICE = '/dev/ttyS1';
/** Before the exit code of the command, on the guest's console. */
export const EXIT_LINE = 'kios-guest: exit code ';
