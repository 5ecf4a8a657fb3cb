import type { Arch } from '../../workstation/paths.ts';

/**
 * The places of EFI files on a medium (docs/boot-slots.md). Firmware starts the guard, the guard systemd-boot, and
 * systemd-boot the EFI file of an entry. The file and the entry of a generation have its number in their names.
 * `packages/host-api/vectors/boot-slots.json` binds all who read and write them.
 */
export const SLOT_FOLDER = 'EFI/kios';
export const ENTRY_FOLDER = 'loader/entries';
export const LOADER_SETTINGS = 'loader/loader.conf';
/** Names the EFI file that the guard starts when systemd-boot returns. A fresh medium has none. */
export const FALLBACK = 'loader/fallback';

/** Where the guard finds systemd-boot. */
export const LOADER_FILES = {
  amd64: 'EFI/systemd/systemd-bootx64.efi',
  arm64: 'EFI/systemd/systemd-bootaa64.efi',
} as const satisfies Readonly<Record<Arch, string>>;

/** The generation of a medium that was just made. */
export const FIRST_GENERATION = 1;

/**
 * Settings of systemd-boot: it shows nothing and starts the newest entry with tries left. There must be no `default`,
 * which would start an entry without any for ever.
 */
export const loaderSettings = (): string =>
  'timeout menu-disabled\neditor no\nauto-entries no\nauto-firmware no\n';

const digits = (generation: number): string => String(generation).padStart(4, '0');

export const slotFile = (generation: number): string => `${SLOT_FOLDER}/${digits(generation)}.efi`;

/** Where people put the modules of the system that is flashed. */
export const FLASHED_MODULES = 'kios/modules.erofs';

/** Finds the modules that an update has written with an EFI file. FAT ignores case. */
export const modulesBeside = (files: readonly string[], efi: string): string | undefined =>
  files.find((name) => name.toLowerCase() === efi.toLowerCase().replace(/\.efi$/, '.mod'));

export const entryFile = (generation: number): string =>
  `${ENTRY_FOLDER}/kios-${digits(generation)}.conf`;

/** Returns an entry. There must be no `options`, which would replace the command line of the EFI file. */
export const entryText = (generation: number, version: string): string =>
  `title kiOS ${version}\nversion ${digits(generation)}\nsort-key kios\nlinux /${slotFile(generation)}\n`;

export const fallbackText = (generation: number): string =>
  `\\${slotFile(generation).replaceAll('/', '\\')}\n`;

/** What the name of an entry says. */
export interface SlotEntry {
  readonly generation: number;
  /** Starts that are left to an entry on trial; a good one has no counter. */
  readonly triesLeft?: number;
  readonly triesDone?: number;
}

const ENTRY = /^kios-(?!0000)(\d{4})(?:\+(\d+)(?:-(\d+))?)?\.conf$/i;

/** Parses the name of an entry without its folder; undefined when it is none of ours. */
export function parseEntryName(name: string): SlotEntry | undefined {
  const match = ENTRY.exec(name);
  if (match === null) return undefined;
  const [, generation, left, done = '0'] = match;
  const counter = left === undefined ? {} : { triesLeft: Number(left), triesDone: Number(done) };
  return { generation: Number(generation), ...counter };
}

const isExhausted = ({ triesLeft }: SlotEntry): boolean => triesLeft === 0;

/** Orders entries as systemd-boot does: those without tries left last, otherwise the newest first. */
const compareEntries = (a: SlotEntry, b: SlotEntry): number =>
  Number(isExhausted(a)) - Number(isExhausted(b)) || b.generation - a.generation;

/** Finds the EFI file that systemd-boot starts next among the files of a boot partition. FAT ignores case. */
export function findSlot(files: readonly string[]): string | undefined {
  const byName = new Map(files.map((name) => [name.toLowerCase(), name]));
  const prefix = `${ENTRY_FOLDER}/`;
  return files
    .filter((name) => name.toLowerCase().startsWith(prefix))
    .flatMap((name) => parseEntryName(name.slice(prefix.length)) ?? [])
    .toSorted(compareEntries)
    .flatMap(({ generation }) => byName.get(slotFile(generation).toLowerCase()) ?? [])
    .at(0);
}

/** An update writes the fallback under a longer name first. */
const OF_SLOTS = [`${SLOT_FOLDER}/`, 'EFI/systemd/', `${ENTRY_FOLDER}/`, LOADER_SETTINGS, FALLBACK];

/**
 * Says whether a file of a boot partition is there only so that there is a choice of EFI files, or is one of them. FAT
 * ignores case.
 */
export const isOfSlots = (name: string): boolean =>
  OF_SLOTS.some((start) => name.toLowerCase().startsWith(start.toLowerCase()));

/** Says whether a boot partition has slots: one that was made before them starts its only EFI file directly. */
export const hasSlots = (files: readonly string[], arch: Arch): boolean =>
  files.some((name) => name.toLowerCase() === LOADER_FILES[arch].toLowerCase());
