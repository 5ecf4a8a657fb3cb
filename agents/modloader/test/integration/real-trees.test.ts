import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { emptyConfig } from '../../src/core/index/modprobe-config.ts';
import { ModuleIndex } from '../../src/core/index/module-index.ts';
import { nameOfFile } from '../../src/core/index/module-name.ts';
import { readIndexFile } from '../../src/edge/loading/module-files.ts';
import { Kmod } from '../support/kmod.ts';

// `./kios test` names the modules of our kernel and of Debian's for real machines, and kmod's modprobe.
const trees = (process.env['KIOS_MODULE_TREES'] ?? '').split(':').filter((tree) => tree !== '');
const modprobe = (process.env['KIOS_MODPROBE'] ?? '').split(' ');
const scratch = mkdtempSync(path.join(tmpdir(), 'kios-kmod-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const linesOf = (folder: string, file: string): string[] =>
  readFileSync(path.join(folder, file), 'latin1').split('\n');

/** Returns all patterns in a kernel's indexes: of modules, of symbols, of what is built in. */
function patternsOf(folder: string): string[] {
  const lines = ['modules.alias', 'modules.symbols'].flatMap((file) => linesOf(folder, file));
  const ofModules = lines.flatMap((line) => /^alias (\S+) /.exec(line)?.[1] ?? []);
  const builtin = readFileSync(path.join(folder, 'modules.builtin.modinfo'), 'latin1').split('\0');
  const ofBuiltin = builtin.flatMap((entry) => /^[^.=]+\.alias=(\S+)$/.exec(entry)?.[1] ?? []);
  return [...new Set([...ofModules, ...ofBuiltin])];
}

/** Returns an alias as a device has it: `filler` for each `*`, a member of each set. */
const concrete = (pattern: string, filler: string): string =>
  pattern
    .replaceAll(/\[[!^][^\]]*\]/g, '~')
    .replaceAll(/\[(.)[^\]]*\]/g, '$1')
    .replaceAll('?', 'x')
    .replaceAll('*', filler);

const modulesOf = (index: ModuleIndex, alias: string): readonly string[] =>
  index.lookup(alias)?.names ?? [];

/** Returns the lines of `modprobe --show-depends`. */
const linesFor = (index: ModuleIndex, folder: string, module: string): readonly string[] =>
  index.module(module) === undefined
    ? [`builtin ${module}`]
    : index.probeList(module).map(({ file }) => `insmod ${path.join(folder, file)}`);

/** Of the lines for a module with a file, those that load one: kmod also lists built-in modules of its softdeps. */
function filesOf(lines: readonly string[]): readonly string[] {
  const files = lines.filter((line) => line.startsWith('insmod '));
  return files.length > 0 ? files : lines;
}

/** What differs, shortly: an assertion about a hundred thousand answers would print them all. */
function differences<Answer>(
  questions: readonly string[],
  ours: Answer[],
  theirs: Answer[],
): object[] {
  expect(theirs).toHaveLength(questions.length);
  return questions.flatMap((question, at) => {
    const isEqual = JSON.stringify(ours[at]) === JSON.stringify(theirs[at]);
    return isEqual ? [] : [{ question, ours: ours[at], kmod: theirs[at] }];
  });
}

it.runIf(process.env['CI'] === 'true')('kmod and both kernels are there', () => {
  expect(trees).toHaveLength(2);
  expect(modprobe.length).toBeGreaterThan(1);
});

describe.each(trees)('all of %s', (folder) => {
  const read = (file: Parameters<typeof readIndexFile>[1]): string => readIndexFile(folder, file);
  const damaged: string[] = [];
  const binary = new ModuleIndex(read, emptyConfig(), (file) => damaged.push(file));
  const text = new ModuleIndex((file) => (file.endsWith('.bin') ? '' : read(file)), emptyConfig());
  const kmod = new Kmod(modprobe, folder, scratch);
  const patterns = patternsOf(folder);
  const devices = [...new Set(['', '0bc0C'].flatMap((filler) => patterns.map((each) => concrete(each, filler))))]; // prettier-ignore
  const builtin = linesOf(folder, 'modules.builtin')
    .filter((line) => line !== '')
    .map(nameOfFile);
  const names = [...binary.names, ...builtin];

  it('aliases, of modules, symbols and built-in ones, name the same modules in the same order', () => {
    // A pattern is asked for as it stands too, as people paste it.
    const all = [
      ...devices,
      ...patterns,
      ...names,
      ...names.map((name) => name.replaceAll('_', '-')),
    ];
    const ours = all.map((alias) => modulesOf(binary, alias));
    expect(
      differences(
        all,
        ours,
        kmod.resolve(all).map((each) => [...each]),
      ),
    ).toEqual([]);
    expect(ours.filter((each) => each.length > 1).length).toBeGreaterThan(20);
    expect(damaged).toEqual([]);
  });

  it('modules need the same files in the same order', () => {
    const ours = names.map((name) => [
      ...new Set(modulesOf(binary, name).flatMap((module) => linesFor(binary, folder, module))),
    ]);
    expect(differences(names, ours, kmod.showDepends(names).map(filesOf))).toEqual([]);
  });

  it('the text of the indexes says the same as their binary form', () => {
    // Text is searched line by line: of the larger kernel every name, but of ours every alias.
    const asked = folder === trees[0] ? [...devices, ...names] : names;
    const ours = asked.map((alias) => modulesOf(text, alias));
    const theirs = asked.map((alias) => modulesOf(binary, alias));
    expect(differences(asked, ours.map((each) => [...each].toSorted()), theirs.map((each) => [...each].toSorted()))).toEqual([]); // prettier-ignore
    expect([...text.names].toSorted()).toEqual([...binary.names].toSorted());
    const listsOf = (index: ModuleIndex): string[] => text.names.map((name) => index.probeList(name).map(({ file }) => file).join(' ')); // prettier-ignore
    expect(differences(text.names, listsOf(text), listsOf(binary))).toEqual([]);
  });
});
