import { formatSize } from '../workstation/terminal/size.ts';

/** Notes how much of a long piece of work is done, and at which rate. */
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
    const seconds = (this.#now() - this.#startedAt) / 1000;
    const rate = seconds > 0 ? `, ${formatSize(Math.round(this.#done / seconds))}/s` : '';
    this.#note(`${formatSize(this.#done)} of ${formatSize(this.#total)}${rate}`);
  }
}
