import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { readFragments } from '../../../../src/build/kernel/build.ts';
import { readRequestable } from '../../../../src/build/kernel/requests.ts';
import { ARCHES, repository } from '../../../../src/workstation/paths.ts';
import {
  addOnTable,
  faultsOf,
  misplaced,
  readRequirements,
  type Requirements,
  stale,
} from '../../../support/add-ons.ts';

const requirements = await readRequirements();

const read = (file: string): Promise<string> => readFile(path.join(repository, file), 'utf8');

/** Returns the modules of the profiles that the shipped manifest of the module loader names. */
async function loadedByProfile(): Promise<Set<string>> {
  const source = await read('agents/modloader/src/core/policy/profiles.ts');
  const profiles = new Map(
    [...source.matchAll(/^ {2}(\w+): \[([^\]]*)\]/gm)].map(([, name, list]) => [
      name,
      [...(list ?? '').replaceAll(/\/\/.*/g, '').matchAll(/'(\w+)'/g)].map((match) => match[1]!),
    ]),
  );
  const manifest = await read('manifests/modloader.yaml');
  const named = [...manifest.matchAll(/--(?:profile|later)=([\w,]+)/g)].flatMap(([, names]) =>
    names!.split(','),
  );
  return new Set(named.flatMap((name) => profiles.get(name) ?? []));
}

describe.each(ARCHES)('the kernel of %s', (arch) => {
  it('has what ordinary add-ons need, and somebody loads it', async () => {
    const profile = await loadedByProfile();
    expect(profile.size).toBeGreaterThan(40);
    const request = new Set((await readRequestable()).map(({ module }) => module));
    const listed = { profile, request };
    expect(faultsOf(requirements, arch, await readFragments(arch), listed)).toEqual([]);
  });
});

it('the list names nothing that no add-on needs and no module that is built in', async () => {
  expect(stale(requirements, await Promise.all(ARCHES.map(readFragments)))).toEqual([]);
});

it('the list says which modules are only in modules.erofs', async () => {
  const yaml: unknown = parse(await read('os/kernel/optional-modules.yaml'));
  const listed = v.parse(v.array(v.object({ path: v.string() })), yaml);
  const paths = listed.map(({ path: at }) => at);
  expect(misplaced(requirements, paths)).toEqual([]);
});

const entry = (module: string, optional?: string): Pick<Requirements, 'modules'> => ({
  modules: { A: { module, by: 'request', optional } },
});

describe('a module that is only in modules.erofs', () => {
  const paths = ['drivers/md/dm-raid', 'drivers/edac'];

  it.each([
    ['is named so', entry('dm_raid', 'drivers/md'), []],
    ['is in a folder that is', entry('ghes_edac', 'drivers/edac'), []],
    ['is not named so', entry('dm_raid'), ['dm_raid is only in modules.erofs']],
    ['is in the root all the same', entry('dm_crypt', 'drivers/md'), ['dm_crypt is in the root']],
    ['is not one with a longer name', entry('raid'), []],
  ])('%s', (_name, list, expected) => {
    expect(misplaced(list, paths)).toEqual(expected);
  });
});

describe('a kernel or list with a fault', () => {
  const example: Requirements = {
    addOns: [{ name: 'a', needs: ['ON', 'MOD', 'ASK'], amd64: ['PC'], other: undefined }],
    modules: { MOD: { module: 'mod', by: 'profile' }, ASK: { module: 'ask', by: 'request' } },
  };
  const kernel = { ON: 'y', MOD: 'm', PC: 'y', ASK: 'm' };
  const faults = (options: Record<string, string>, profiles = ['mod'], requests = ['ask']): string[] =>
    faultsOf(example, 'amd64', new Map(Object.entries(options)), {
      profile: new Set(profiles),
      request: new Set(requests),
    }); // prettier-ignore

  it.each([
    ['none', faults(kernel), []],
    ['an option that is off', faults({ ...kernel, ON: 'n' }), ['ON is off']],
    ['one that no fragment names', faults({ ON: 'y', MOD: 'm', ASK: 'm' }), ['PC is off']],
    ['a module that nobody loads', faults({ ...kernel, ON: 'm' }), ['nobody loads the module of ON']],
    ['a module that left its profile', faults(kernel, []), ['mod is not in a profile']],
    ['a module that nobody may ask for', faults(kernel, ['mod'], []), ['ask is not in a request']],
    ['a module that two load', faults(kernel, ['mod', 'ask']), ['ask is in a profile']],
  ])('%s', (_name, found, expected) => {
    expect(found).toEqual(expected);
  }); // prettier-ignore

  it('an entry that nobody needs', () => {
    const more = {
      ...example,
      modules: { ...example.modules, GONE: { module: 'gone', by: 'device' } },
    } as const;
    expect(stale(more, [new Map(Object.entries(kernel))])).toEqual(['GONE']);
    expect(stale(example, [new Map(Object.entries({ ...kernel, MOD: 'y' }))])).toEqual(['MOD']);
  });
});

describe('docs/add-ons.md', async () => {
  const page = await readFile(path.join(repository, 'docs/add-ons.md'), 'utf8');
  it('has the table of add-ons', () => expect(page).toContain(addOnTable(requirements)));
});
