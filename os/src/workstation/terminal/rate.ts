import { formatDuration } from './duration.ts';
import { formatDiskSize, formatSize } from './size.ts';

const MINUTE_MS = 60_000;
/** An estimate of more than this is no better in seconds. */
const COARSE_MS = 99_950;

const formatLeft = (ms: number): string =>
  ms < COARSE_MS ? formatDuration(ms) : `${Math.round(ms / MINUTE_MS)} min`;

/**
 * Formats how far a piece of work is: `42 %, 23.1 MB/s, 40.7 s left`. It is short, because a task's title, its time and
 * this share a line of 80 columns. The rate has the scale of the sizes that a reader compares it with.
 */
export function formatRate(
  done: number,
  total: number | undefined,
  elapsedMs: number,
  size: (bytes: number) => string = formatDiskSize,
): string {
  const perMs = elapsedMs > 0 ? done / elapsedMs : 0;
  const rate = perMs > 0 ? [`${size(Math.round(perMs * 1000))}/s`] : [];
  if (total === undefined || total === 0) return [size(done), ...rate].join(', ');
  const left = perMs > 0 ? [`${formatLeft((total - done) / perMs)} left`] : [];
  return [`${Math.floor((done / total) * 100)} %`, ...rate, ...left].join(', ');
}

/** Notes how much of a file is done, and at which rate. */
export class Meter {
  readonly #note: (detail: string) => void;
  readonly #total: number;
  readonly #now: () => number;
  readonly #startedAt: number;
  #done = 0;

  constructor(note: (detail: string) => void, total: number, now: () => number = Date.now) {
    this.#note = note;
    this.#total = total;
    this.#now = now;
    this.#startedAt = now();
  }

  add(bytes: number): void {
    this.#done += bytes;
    this.#note(formatRate(this.#done, this.#total, this.#now() - this.#startedAt, formatSize));
  }
}
