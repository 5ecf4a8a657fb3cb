/** Names on the EFI system partition: docs/boot-slots.md. A generation's files are written once and never renamed. */
export const IMAGES = 'EFI/kios';
export const ENTRIES = 'loader/entries';
export const FALLBACK = 'loader/fallback';
/** Names that no loader reads; one that is there was left by an agent that was killed. */
export const DRAFTS = { entry: `${ENTRIES}/k.tmp`, fallback: 'loader/fallback.tmp' } as const;

export const LAST_GENERATION = 9999;
/** systemd-boot starts a system on trial so often before it takes an older one. */
const TRIES = 3;

const numbered = (generation: number): string => String(generation).padStart(4, '0');

export const imageOf = (generation: number): string => `${IMAGES}/${numbered(generation)}.efi`;

/** The modules of a system's kernel, for a machine whose drivers come from there. */
export const modulesOf = (generation: number): string => `${IMAGES}/${numbered(generation)}.mod`;

/** The same for the system that was flashed. */
export const FLASHED_MODULES = 'kios/modules.erofs';

export const entryOf = (generation: number): string =>
  `${ENTRIES}/kios-${numbered(generation)}.conf`;

/** The name of an entry that the loader counts down (systemd.io/AUTOMATIC_BOOT_ASSESSMENT). */
export const trialOf = (generation: number): string =>
  `${ENTRIES}/kios-${numbered(generation)}+${TRIES}-0.conf`;

/** What an entry says. A downgrade is an ordinary update, as the loader sorts by the generation. */
export const entryText = (generation: number, version: string): string =>
  [
    `title kiOS ${version}`,
    `version ${numbered(generation)}`,
    'sort-key kios',
    `linux /${imageOf(generation)}`,
    '',
  ].join('\n');

/** What the guard reads when the loader has nothing that starts. */
export const fallbackText = (generation: number): string =>
  `\\${imageOf(generation).replaceAll('/', '\\')}\n`;

/** An entry by its name. */
export interface Entry {
  readonly path: string;
  readonly generation: number;
  /** Starts that the loader still gives it; undefined once it is confirmed. */
  readonly triesLeft: number | undefined;
}

const ENTRY = /^kios-(\d{4})(?:\+(\d+)(?:-\d+)?)?\.conf$/i;
const IMAGE = /^(\d{4})\.efi$/i;
const FILE = /^(\d{4})\.(?:efi|mod)$/i;

/** Reads the name of an entry; undefined for another file. */
export function parseEntry(name: string): Entry | undefined {
  const [, generation, tries] = ENTRY.exec(name) ?? [];
  if (Number(generation ?? 0) === 0) return undefined;
  const triesLeft = tries === undefined ? undefined : Number(tries);
  return { path: `${ENTRIES}/${name}`, generation: Number(generation), triesLeft };
}

function generationIn(pattern: RegExp, name: string): number | undefined {
  const [, generation] = pattern.exec(name) ?? [];
  return Number(generation ?? 0) === 0 ? undefined : Number(generation);
}

/** Reads the generation of a system's EFI file; undefined for another file. */
export const parseImage = (name: string): number | undefined => generationIn(IMAGE, name);

/** Reads the generation that a file belongs to, its EFI file or its modules; undefined for another file. */
export const parseFile = (name: string): number | undefined => generationIn(FILE, name);
