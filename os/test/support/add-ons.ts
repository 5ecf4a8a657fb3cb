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
    const byHand = options.flatMap((option) => {
      const { module, by } = modules[option] ?? {};
      return by === 'operator' && module !== undefined ? [`\`${module}\``] : [];
    });
    return row(name, options.length === 0 ? '–' : 'yes', byHand.join(', '), other ?? '');
  });
  return [
    row('add-on', 'kernel', 'modules to name in modules.yaml', 'else'),
    row('---', '---', '---', '---'),
    ...rows,
  ].join('\n');
}
