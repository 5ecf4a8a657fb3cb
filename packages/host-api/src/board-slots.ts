/**
 * The places of systems on the medium of a Raspberry Pi (docs/boot-slots.md). Its loader takes the files of the folder
 * that `config.txt` names. `packages/host-api/vectors/board-slots.json` binds all who read and write them.
 */
export const SYSTEMS = 'system';
/** All that is ever changed of `config.txt` lies in its first sector, which a power cut leaves old or new. */
export const SECTOR = 512;

const digits = (generation: number): string => String(generation).padStart(4, '0');

/** Returns what the loader puts before the names of a system's files. */
export const systemPrefix = (generation: number): string => `${SYSTEMS}/${digits(generation)}/`;

/** What `config.txt` says of the systems. */
export interface BoardChoice {
  /** The generation that the loader starts next. */
  readonly next: number;
  /** The one that has proved good. */
  readonly good: number;
  /** The one that is on trial, or whose trial has failed; 0 without one. */
  readonly trial: number;
}

const PREFIX = /^os_prefix=system\/(\d{4})\/\r?$/m;
const STATE = /^#kios good=(\d{4}) trial=(\d{4})\r?$/m;
/** Whatever would give the loader another prefix: a second line, or a filter before the first. */
const PREFIXES = /^\s*os_prefix\s*=/gm;
const FILTER = /^\s*\[/m;

/** Parses `config.txt`; undefined when it is not of a medium with slots, or nobody can tell what it makes start. */
export function parseChoice(config: string): BoardChoice | undefined {
  const first = config.slice(0, SECTOR);
  const prefix = PREFIX.exec(first);
  const state = STATE.exec(first);
  if (prefix === null || state === null || (config.match(PREFIXES) ?? []).length !== 1)
    return undefined;
  if (FILTER.test(config.slice(0, prefix.index))) return undefined;
  const choice = { next: Number(prefix[1]), good: Number(state[1]), trial: Number(state[2]) };
  return choice.next === 0 || choice.good === 0 ? undefined : choice;
}

/** Returns `config.txt` with another choice in the same bytes. */
export const withChoice = (config: string, { next, good, trial }: BoardChoice): string =>
  config
    .replace(PREFIX, (line, number: string) => line.replace(number, digits(next)))
    .replace(STATE, (line) =>
      line.replace(/good=\d{4} trial=\d{4}/, `good=${digits(good)} trial=${digits(trial)}`),
    );

const IN_SYSTEM = /^system\/\d{4}\/(.+)$/i;

/** Returns the prefixes of all files with this name: those of systems, and '' for one at the top of the medium. */
export const prefixesOf = (files: readonly string[], name: string): readonly string[] =>
  files
    .filter((file) => (IN_SYSTEM.exec(file)?.[1] ?? file).toLowerCase() === name.toLowerCase())
    .map((file) => file.slice(0, -name.length));
