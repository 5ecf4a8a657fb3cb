/** Shows the progress of long work, on a terminal or in a log. */
export interface Progress {
  /** Runs `work` as a named task; `note` replaces the task's detail line. Shows a failure, then rethrows it. */
  task<T>(title: string, work: (note: (detail: string) => void) => Promise<T>): Promise<T>;
  /** Shows one line outside any task. */
  info(line: string): void;
}

/** Shows nothing. */
export const silent: Progress = {
  task: async (_title, work) => work(() => {}),
  info: () => {},
};
