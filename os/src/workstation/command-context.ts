import type { Progress } from './progress.ts';

/** The parts of the program that a command uses. */
export interface CommandContext {
  readonly progress: Progress;
  /** Aborts on SIGINT (Ctrl-C), SIGTERM and SIGHUP. */
  readonly signal: AbortSignal;
  /** Undoes what the command started. Disposed of in every case, so `move()` out what must stay. */
  readonly undo: AsyncDisposableStack;
  /** Prints one line of the command's result to standard output. */
  readonly print: (line: string) => void;
}
