import { type FSWatcher, watch } from 'node:fs';

const DEBOUNCE_MS = 200;

/** Calls back, once per burst, after anything in one of the folders changed. Ends with the signal. */
export function watchDirs(dirs: readonly string[], signal: AbortSignal, changed: () => void): void {
  let timer: NodeJS.Timeout | undefined;
  const soon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(changed, DEBOUNCE_MS);
  };
  const watchers: FSWatcher[] = [];
  for (const dir of dirs) {
    watchers.push(watch(dir, soon));
  }
  signal.addEventListener('abort', () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  });
}
