import type { LogFields, Logger } from '@kios/agent';

/** A log that tests read. */
export class Logbook implements Logger {
  readonly lines: (LogFields & { readonly level: string })[] = [];
  #wake: () => void = () => undefined;

  readonly debug = (fields: LogFields): void => this.#write('debug', fields);
  readonly info = (fields: LogFields): void => this.#write('info', fields);
  readonly warn = (fields: LogFields): void => this.#write('warn', fields);
  readonly error = (fields: LogFields): void => this.#write('error', fields);
  close = async (): Promise<void> => undefined;

  #write(level: string, fields: LogFields): void {
    this.lines.push({ level, ...fields });
    this.#wake();
  }

  /** Returns the lines of an event so far. */
  of(ev: string): readonly LogFields[] {
    return this.lines.filter((line) => line.ev === ev);
  }

  /** Waits for the `count`th line of an event. The test's own deadline bounds it. */
  async line(ev: string, count = 1): Promise<LogFields> {
    for (;;) {
      const found = this.of(ev)[count - 1];
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
