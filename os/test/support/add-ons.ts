import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { parse } from 'yaml';

import type { Options as KernelOptions } from '../../src/build/kernel/fragments.ts';
import { type Arch, repository } from '../../src/workstation/paths.ts';

const Option = v.pipe(v.string(), v.regex(/^[A-Z0-9_]+$/));

/** Options, separated by white space. */
const Options = v.pipe(
  v.string(),
  v.transform((text) => text.split(/\s+/).filter((word) => word !== '')),
  v.array(Option),
);

const Requirements = v.strictObject({
  addOns: v.array(
    v.strictObject({
      name: v.string(),
      needs: v.optional(Options, ''),
      amd64: v.optional(Options, ''),
      other: v.optional(v.string()),
    }),
  ),
  modules: v.record(
    Option,
    v.strictObject({
      module: v.string(),
      by: v.picklist(['request', 'profile', 'device', 'add-on', 'operator']),
      optional: v.optional(v.string()),
    }),
  ),
});

/** The content of `os/kernel/add-ons.yaml`. */
export type Requirements = v.InferOutput<typeof Requirements>;

export async function readRequirements(): Promise<Requirements> {
  const file = path.join(repository, 'os/kernel/add-ons.yaml');
  return v.parse(Requirements, parse(await readFile(file, 'utf8')));
}

const optionsOf = ({ needs, amd64 }: Requirements['addOns'][number], arch: Arch): string[] =>
  arch === 'amd64' ? [...needs, ...amd64] : needs;

/** The modules of the profiles that the shipped manifest names, and those that the kernel may ask for. */
export interface Listed {
  readonly profile: ReadonlySet<string>;
  readonly request: ReadonlySet<string>;
}

/** Returns what is wrong with the requirements or with a kernel of this configuration. */
export function faultsOf(
  { addOns, modules }: Requirements,
  arch: Arch,
  kernel: KernelOptions,
  listed: Listed,
): string[] {
  const wanted = new Set(addOns.flatMap((addOn) => optionsOf(addOn, arch)));
  const isOn = (option: string): boolean => (kernel.get(option) ?? 'n') !== 'n';
  return [...wanted].flatMap((option): string[] => {
    if (!isOn(option)) return [`${option} is off`];
    if (kernel.get(option) !== 'm') return [];
    const loaded = modules[option];
    if (loaded === undefined) return [`nobody loads the module of ${option}`];
    return (['profile', 'request'] as const).flatMap((list) => {
      const isListed = listed[list].has(loaded.module);
      if (isListed === (loaded.by === list)) return [];
      return [`${loaded.module} is ${isListed ? '' : 'not '}in a ${list}`];
    });
  });
}

const covers = (path: string, file: string): boolean =>
  file === path || file.startsWith(`${path}/`);

/** Returns the files that a module may have in a folder: its name has `_` where the file's may have `-`. */
const filesOf = (folder: string, module: string): string[] =>
  [module, module.replaceAll('_', '-')].map((name) => `${folder}/${name}`);

/**
 * Returns what the entries of modules say wrongly of modules.erofs, by the paths of `os/kernel/optional-modules.yaml`:
 * the kernel cannot load a module at its first use from a root that lacks it.
 */
export const misplaced = (
  { modules }: Pick<Requirements, 'modules'>,
  paths: readonly string[],
): string[] =>
  Object.values(modules).flatMap(({ module, optional }) => {
    const files = filesOf(optional ?? '', module);
    const isListed =
      optional === undefined
        ? paths.some((path) => files.some((file) => path.endsWith(file)))
        : paths.some((path) => files.some((file) => covers(path, file)));
    if (isListed === (optional !== undefined)) return [];
    return [isListed ? `${module} is only in modules.erofs` : `${module} is in the root`];
  });

/** Returns the entries that no add-on needs, or that are no module on any architecture. */
export function stale(
  { addOns, modules }: Requirements,
  kernels: readonly KernelOptions[],
): string[] {
  const wanted = new Set(addOns.flatMap(({ needs, amd64 }) => [...needs, ...amd64]));
  const isModule = (option: string): boolean =>
    kernels.some((kernel) => kernel.get(option) === 'm');
  return Object.keys(modules).filter((option) => !wanted.has(option) || !isModule(option));
}

const row = (...cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

/** Formats the add-ons, for docs/add-ons.md. */
export function addOnTable({ addOns, modules }: Requirements): string {
  const rows = addOns.map(({ name, needs, amd64, other }) => {
    const options = [...needs, ...amd64];
    const used = options.flatMap((option) => modules[option] ?? []);
    const list = (some: typeof used): string =>
      some.map(({ module }) => `\`${module}\``).join(', ');
    const byHand = list(used.filter(({ by }) => by === 'operator'));
    const elsewhere = list(used.filter(({ optional }) => optional !== undefined));
    return row(name, options.length === 0 ? '–' : 'yes', byHand, elsewhere, other ?? '');
  });
  return [
    row('add-on', 'kernel', 'modules to name in modules.yaml', 'only in modules.erofs', 'else'),
    row('---', '---', '---', '---', '---'),
    ...rows,
  ].join('\n');
}
