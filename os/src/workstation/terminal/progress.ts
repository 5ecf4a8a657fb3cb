import { stripVTControlCharacters } from 'node:util';

import type { Progress } from '../progress.ts';
import { formatDuration } from './duration.ts';
import { plain } from './plain.ts';

/** The output that shows progress, such as a WriteStream of node:tty. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

interface Task {
  readonly title: string;
  readonly startedAt: number;
  detail: string;
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;
const NOTE_INTERVAL_MS = 10_000;
const CLEAR_LINE = '\r\u001B[2K';
/** Removes control characters: a note is often the output of a program. */
const clean = (text: string): string =>
  stripVTControlCharacters(text)
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim();

/** Shows one moving line for the running task, and leaves one line behind for each task that ended. */
class LiveProgress implements Progress {
  readonly #screen: Screen;
  readonly #tasks: Task[] = [];
  #timer: NodeJS.Timeout | undefined;
  #frame = 0;

  constructor(screen: Screen) {
    this.#screen = screen;
  }

  async task<T>(title: string, work: (note: (detail: string) => void) => Promise<T>): Promise<T> {
    const task: Task = { title, startedAt: Date.now(), detail: '' };
    this.#tasks.push(task);
    this.#timer ??= setInterval(() => this.#draw(), FRAME_MS).unref();
    try {
      const result = await work((detail) => (task.detail = clean(detail)));
      this.#end(task, '✓');
      return result;
    } catch (error) {
      this.#end(task, '✗');
      throw error;
    }
  }

  info(line: string): void {
    this.#screen.write(`${CLEAR_LINE}${plain(line)}\n`);
    this.#draw();
  }

  #end(task: Task, mark: string): void {
    this.#tasks.splice(this.#tasks.indexOf(task), 1);
    const took = formatDuration(Date.now() - task.startedAt);
    this.#screen.write(`${CLEAR_LINE}${mark} ${task.title}  ${took}\n`);
    if (this.#tasks.length > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #draw(): void {
    const task = this.#tasks.at(-1);
    if (task === undefined) return;
    this.#frame = (this.#frame + 1) % FRAMES.length;
    const took = formatDuration(Date.now() - task.startedAt);
    const detail = task.detail === '' ? '' : `  ${task.detail}`;
    const line = `${FRAMES[this.#frame] ?? ''} ${task.title}  ${took}${detail}`;
    const width = (this.#screen.columns ?? 80) - 1;
    this.#screen.write(CLEAR_LINE + Array.from(line).slice(0, width).join(''));
  }
}

/** Prints a line when a task starts and ends, and at most one note in ten seconds between. For logs and pipes. */
class PlainProgress implements Progress {
  readonly #screen: Screen;
  readonly #now: () => number;

  constructor(screen: Screen, now: () => number) {
    this.#screen = screen;
    this.#now = now;
  }

  async task<T>(title: string, work: (note: (detail: string) => void) => Promise<T>): Promise<T> {
    const startedAt = this.#now();
    let notedAt = startedAt;
    this.info(`${title} …`);
    const took = (): string => formatDuration(this.#now() - startedAt);
    const note = (detail: string): void => {
      if (this.#now() - notedAt < NOTE_INTERVAL_MS) return;
      notedAt = this.#now();
      this.info(`${title}: ${clean(detail)} (${took()})`);
    };
    try {
      const result = await work(note);
      this.info(`${title}: done, ${took()}`);
      return result;
    } catch (error) {
      this.info(`${title}: failed, ${took()}`);
      throw error;
    }
  }

  info(line: string): void {
    this.#screen.write(`${plain(line)}\n`);
  }
}

/** Returns the progress for a terminal or for a log, whichever the screen is. */
export function progressOn(screen: Screen, now: () => number = Date.now): Progress {
  const live = screen.isTTY === true && process.env['TERM'] !== 'dumb';
  return live ? new LiveProgress(screen) : new PlainProgress(screen, now);
}
