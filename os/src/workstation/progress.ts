/** How long work tells the person (or the log) where it stands. */
export interface Progress {
  /** Runs `work` as a named task; `note` replaces the task's detail line. Failures propagate after being shown. */
  task<T>(title: string, work: (note: (detail: string) => void) => Promise<T>): Promise<T>;
  /** One line of information outside any task. */
  info(line: string): void;
}

/** Says nothing; for tests and for calls whose progress nobody wants. */
export const silent: Progress = {
  task: async (_title, work) => work(() => {}),
  info: () => {},
};
