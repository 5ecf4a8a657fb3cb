/** What a guest does. Paths are absolute, and the same on the workstation. */
export interface Job {
  readonly command: readonly [program: string, ...args: string[]];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** File that the command writes and the guest hands out. */
  readonly result: string;
}

/** The guest's serial port for the result. */
export const RESULT_DEVICE = '/dev/ttyS1';
/** Before the exit code of the command, on the guest's console. */
export const EXIT_LINE = 'kios-guest: exit code ';
