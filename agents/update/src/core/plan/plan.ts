import type { Refusal } from '../faults/errors.ts';
import {
  DRAFTS,
  type Entry,
  entryText,
  FALLBACK,
  fallbackText,
  IMAGES,
  imageOf,
  LAST_GENERATION,
  modulesOf,
  parseEntry,
  parseFile,
  parseImage,
  trialOf,
} from '../slots/names.ts';

/** A file with its size in bytes. */
export interface Sized {
  readonly name: string;
  readonly size: number;
}

/** What is on the EFI system partition. */
export interface Medium {
  /** Names in `loader/entries`. */
  readonly entries: readonly string[];
  /** Files in `EFI/kios`. */
  readonly files: readonly Sized[];
  /** The machine has a modules.erofs, wherever the one of the flashed system lies. */
  readonly hasModules: boolean;
  readonly fallback: string | undefined;
  readonly hasFallbackDraft: boolean;
  /** Bytes that are free, and those that a file's last part takes up. */
  readonly free: number;
  readonly cluster: number;
}

/** A file of the mounted system. */
export interface Content {
  readonly from: string;
  /** Where it begins in that file; absent where it is the whole file. */
  readonly offset?: number;
  /** SHA-256, in hexadecimal. */
  readonly digest: string;
  readonly size: number;
}

/** The system that is to be written. */
export interface Wish {
  readonly version: string;
  readonly efi: Content;
  readonly modules: Content | undefined;
}

/**
 * One step on the medium, after which its effect is there whatever happens. `overwrite` puts text in place of the
 * beginning of a file, within one sector. `rename` writes out the file's own
 * metadata, which is one sector on this file system: the name is the old one or the new one. `remount` drops what the
 * kernel remembers, so that later steps read what the medium has.
 */
export type Op =
  | { readonly tag: 'remove'; readonly path: string }
  | { readonly tag: 'removeFolder'; readonly path: string }
  | { readonly tag: 'makeFolder'; readonly path: string }
  | { readonly tag: 'overwrite'; readonly path: string; readonly text: string }
  | { readonly tag: 'draft'; readonly path: string; readonly text: string }
  | { readonly tag: 'rename'; readonly from: string; readonly to: string }
  | { readonly tag: 'copy'; readonly path: string; readonly content: Content }
  | { readonly tag: 'remount' }
  | { readonly tag: 'verify'; readonly path: string; readonly content: Content | string };

export interface Plan {
  /** The generation that is staged; undefined when systems are only removed. */
  readonly generation: number | undefined;
  readonly ops: readonly Op[];
}

/** Room for an entry and what the file system needs besides the file. */
const MARGIN = 256 * 1024;

const entriesOf = ({ entries }: Medium): readonly Entry[] =>
  entries.map(parseEntry).filter((entry) => entry !== undefined);

const remove = (path: string): Op => ({ tag: 'remove', path });

/** Two entries of one generation may share their content, so that removing one would damage the other. */
function doubled(entries: readonly Entry[]): number | undefined {
  const generations = entries.map(({ generation }) => generation);
  return generations.find((generation, index) => generations.indexOf(generation) !== index);
}

export const refuse = (why: string): Refusal => ({
  code: 'KIOS_UPDATE_SLOTS',
  message: `stage a system: ${why}`,
});

/** Returns why nothing may be changed on a medium, whatever is wished. */
function unsound(medium: Medium, running: number): Refusal | undefined {
  const entries = entriesOf(medium);
  const twice = doubled(entries);
  if (twice !== undefined) return refuse(`generation ${twice} has two entries`);
  const own = entries.find(({ generation }) => generation === running);
  if (own === undefined) return refuse(`the running generation ${running} has no entry`);
  if (own.triesLeft !== undefined) return refuse(`the running generation ${running} is on trial`);
  if (!medium.files.some(({ name }) => parseImage(name) === running))
    return refuse(`the file of the running generation ${running} is missing`);
  return undefined;
}

/** The guard must find the running system before an older one goes and before a newer one is tried. */
function fallbackOps({ fallback, hasFallbackDraft }: Medium, running: number): readonly Op[] {
  const text = fallbackText(running);
  const clean = hasFallbackDraft ? [remove(DRAFTS.fallback)] : [];
  if (fallback === text) return clean;
  // Text of the same length takes the place of the other in one sector: there is no moment without any.
  if (fallback?.length === text.length)
    return [...clean, { tag: 'overwrite', path: FALLBACK, text }];
  return [
    ...clean,
    ...(fallback === undefined ? [] : [remove(FALLBACK)]),
    { tag: 'draft', path: DRAFTS.fallback, text },
    { tag: 'rename', from: DRAFTS.fallback, to: FALLBACK },
  ];
}

/** Whether a file is of a system besides the running one; what has another name is not of this agent. */
const isOther =
  (running: number) =>
  ({ name }: Sized): boolean =>
    ![undefined, running].includes(parseFile(name));

/** Removes all systems but the running one: entries first, so that none names what is gone. */
function cleanOps(medium: Medium, running: number): readonly Op[] {
  const draft = medium.entries.includes('k.tmp') ? [remove(DRAFTS.entry)] : [];
  const entries = entriesOf(medium).filter(({ generation }) => generation !== running);
  const files = medium.files.filter(isOther(running));
  return [
    ...draft,
    ...entries.map(({ path }) => remove(path)),
    ...files.map(({ name }) => remove(`${IMAGES}/${name}`)),
  ];
}

const rounded = (size: number, cluster: number): number => Math.ceil(size / cluster) * cluster;

/** Returns by how much some parts do not fit, when others have gone. */
export function fullness(
  { free, cluster }: Pick<Medium, 'free' | 'cluster'>,
  others: readonly Sized[],
  parts: readonly Content[],
): Refusal | undefined {
  const sum = (sized: readonly { readonly size: number }[]): number =>
    sized.reduce((before, { size }) => before + rounded(size, cluster), 0);
  const lacking = sum(parts) + MARGIN - (free + sum(others));
  if (lacking <= 0) return undefined;
  const why = `${Math.ceil(lacking / 1024 / 1024)} MiB too few are free on the EFI system partition, older systems not counted`;
  return { code: 'KIOS_UPDATE_FULL', message: `stage a system: ${why}` };
}

/** Whether the drivers of a machine may come from modules.erofs, of which each system needs its own. */
const needsModules = ({ hasModules, files }: Medium, running: number): boolean =>
  hasModules || files.some(({ name }) => `${IMAGES}/${name.toLowerCase()}` === modulesOf(running));

function nextGeneration(medium: Medium, highest: number): number {
  const files = medium.files.map(({ name }) => parseFile(name) ?? 0);
  const entries = entriesOf(medium).map(({ generation }) => generation);
  return Math.max(highest, ...files, ...entries) + 1;
}

const withoutModules = ({ version }: Wish): Refusal => ({
  code: 'KIOS_UPDATE_MODULES',
  message: `stage kiOS ${version}: this machine has a modules.erofs, and the image has none for it`,
});

/** Returns the steps that bring a system onto the medium, on trial, or why there are none. */
export function planStage(
  medium: Medium,
  running: number,
  /** The highest generation that anybody has spoken of. */
  highest: number,
  wish: Wish,
): Plan | Refusal {
  const generation = nextGeneration(medium, Math.max(running, highest));
  const modules = needsModules(medium, running) ? [wish.modules] : [];
  const parts = [wish.efi, ...modules].filter((part) => part !== undefined);
  const refusal =
    unsound(medium, running) ?? fullness(medium, medium.files.filter(isOther(running)), parts);
  if (refusal !== undefined) return refusal;
  if (modules.includes(undefined)) return withoutModules(wish);
  if (generation > LAST_GENERATION) return refuse(`generation ${LAST_GENERATION} was the last one`);
  const entry = entryText(generation, wish.version);
  const trial = trialOf(generation);
  const files = parts.map((content) => ({
    path: content.from === 'kios.efi' ? imageOf(generation) : modulesOf(generation),
    content,
  }));
  const ops: Op[] = [
    ...fallbackOps(medium, running),
    ...cleanOps(medium, running),
    ...files.map((file) => ({ tag: 'copy', ...file }) as const),
    { tag: 'remount' },
    ...files.map((file) => ({ tag: 'verify', ...file }) as const),
    { tag: 'verify', path: FALLBACK, content: fallbackText(running) },
    { tag: 'draft', path: DRAFTS.entry, text: entry },
    { tag: 'remount' },
    { tag: 'verify', path: DRAFTS.entry, content: entry },
    { tag: 'rename', from: DRAFTS.entry, to: trial },
    { tag: 'remount' },
    { tag: 'verify', path: trial, content: entry },
  ];
  return { generation, ops };
}

/** Returns the steps that take back what is staged. Older systems that were confirmed stay. */
export function planUnstage(medium: Medium, running: number): Plan | Refusal {
  const refusal = unsound(medium, running);
  if (refusal !== undefined) return refusal;
  const staged = entriesOf(medium).filter(({ triesLeft }) => triesLeft !== undefined);
  const named = new Set(
    entriesOf(medium)
      .filter(({ triesLeft }) => triesLeft === undefined)
      .map(({ generation }) => generation),
  );
  const files = medium.files.filter(({ name }) => {
    const generation = parseFile(name);
    return generation !== undefined && !named.has(generation);
  });
  const draft = medium.entries.includes('k.tmp') ? [remove(DRAFTS.entry)] : [];
  const ops = [
    ...draft,
    ...staged.map(({ path }) => remove(path)),
    ...files.map(({ name }) => remove(`${IMAGES}/${name}`)),
  ];
  return { generation: undefined, ops };
}

/** Returns the generation that the next boot tries; undefined when it is the running one's turn again. */
export function stagedIn(medium: Medium, running: number): number | undefined {
  if (unsound(medium, running) !== undefined || medium.fallback !== fallbackText(running))
    return undefined;
  const names = medium.files.map(({ name }) => `${IMAGES}/${name.toLowerCase()}`);
  const isWhole = (generation: number): boolean =>
    names.includes(imageOf(generation)) &&
    (!needsModules(medium, running) || names.includes(modulesOf(generation)));
  return entriesOf(medium)
    .filter(({ generation, triesLeft }) => generation > running && (triesLeft ?? 0) > 0)
    .map(({ generation }) => generation)
    .findLast(isWhole);
}
