import type { Progress } from './progress.ts';

/** What a command gets from the program around it. */
export interface CommandContext {
  readonly progress: Progress;
  /** Aborts when the person presses Ctrl-C or the program is asked to end. */
  readonly signal: AbortSignal;
  /** Things to undo when the command fails or is stopped half way; disposed of in every case, so `move()` out what stays. */
  readonly undo: AsyncDisposableStack;
  /** Writes one line of the command's answer to standard output. */
  readonly print: (line: string) => void;
}
