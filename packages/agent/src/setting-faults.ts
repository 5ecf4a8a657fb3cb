import { ConfigError } from './config.ts';
import type { Logger } from './logger.ts';

/** A part of a file that does not count, for people. */
export interface SettingFault {
  readonly file: string;
  /** From 1; absent where the file cannot be read. */
  readonly line?: number;
  /** Keys from the top, with dots between them. */
  readonly path: string;
  readonly why: string;
  readonly remedy: string;
}

/** Fails where a part of a file does not count. */
export function requireNoFaults(faults: readonly SettingFault[]): void {
  const [first] = faults;
  if (first === undefined) return;
  const all = faults.map(({ file, line, path, why, remedy }) => {
    const other = file === first.file ? '' : `${file}: `;
    return `${other}${line === undefined ? '' : `line ${line}: `}${path}: ${why}. ${remedy}`;
  });
  throw new ConfigError(`use ${first.file}: ${all.join(' ')}`);
}

/** Says which parts of files do not count, each once for as long as the file stays so. */
export class SettingFaults {
  readonly #code: string;
  readonly #log: Logger;
  #said: ReadonlySet<string> = new Set();

  constructor(code: string, log: Logger) {
    this.#code = code;
    this.#log = log;
  }

  report(faults: readonly SettingFault[]): void {
    const keys = faults.map((fault) => JSON.stringify(fault));
    for (const [at, fault] of faults.entries())
      if (!this.#said.has(keys[at] ?? ''))
        this.#log.error({ ev: 'setting.fault', code: this.#code, ...fault });
    this.#said = new Set(keys);
  }
}
