const MB = 1_000_000;
/** The rate is that of the last seconds, so that it follows the network. */
const WINDOW_MS = 5000;

const megabytes = (bytes: number): string => `${(bytes / MB).toFixed(1)} MB`;

/** Counts what goes out and shows it with its rate. */
export class Traffic {
  sentBytes = 0;
  sentBlobs = 0;
  readonly #now: () => number;
  #moved: { at: number; bytes: number }[] = [];
  #total = 0;
  #note: ((detail: string) => void) | undefined;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Shows the bytes of one task from now on. */
  show(note: ((detail: string) => void) | undefined): void {
    this.#note = note;
    this.#total = 0;
    this.#moved = [];
  }

  /** Counts bytes on the wire. */
  onBytes(bytes: number): void {
    const at = this.#now();
    this.#total += bytes;
    this.#moved = [...this.#moved.filter((part) => at - part.at < WINDOW_MS), { at, bytes }];
    const [first] = this.#moved;
    const seconds = (at - (first?.at ?? at)) / 1000;
    const recent = this.#moved.slice(1).reduce((sum, part) => sum + part.bytes, 0);
    const rate = seconds > 0 ? `, ${megabytes(recent / seconds)}/s` : '';
    this.#note?.(`${megabytes(this.#total)} sent${rate}`);
  }

  /** Counts a blob that the registry did not have. */
  onSent(bytes: number): void {
    this.sentBytes += bytes;
    this.sentBlobs += 1;
  }
}
