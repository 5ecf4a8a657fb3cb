import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as fc from 'fast-check';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { requireNoFaults, SettingFaults } from '../src/setting-faults.ts';
import { readSettingsFile } from '../src/settings-file.ts';
import { readParts } from '../src/settings-parts.ts';

const Schema = v.strictObject({
  timeoutSeconds: v.optional(v.pipe(v.number(), v.minValue(1)), 60),
  servers: v.optional(
    v.array(
      v.pipe(
        v.strictObject({ address: v.string(), least: v.optional(v.number()), most: v.optional(v.number()) }),
        v.check(({ least = 0, most = 9 }) => least <= most, 'least must not be above most'),
      ),
    ),
    [],
  ),
  links: v.optional(v.record(v.string(), v.strictObject({ mtu: v.optional(v.number()) })), {}),
}); // prettier-ignore
const ignore = (): void => undefined;
const NOTHING = { timeoutSeconds: 60, servers: [], links: {} };

let file: string;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kios-settings-'));
  file = path.join(folder, 'x.yaml');
});
afterAll(() => rm(folder, { recursive: true }));

async function read(text: string) {
  await writeFile(file, text);
  return readSettingsFile(Schema, file, 'docs/x.md');
}

describe('a file of settings', () => {
  it('that is absent, empty or a comment says nothing', async () => {
    const absent = await readSettingsFile(Schema, path.join(folder, 'absent'), 'docs/x.md');
    for (const found of [absent, await read(''), await read('# nothing\n')])
      expect(found).toEqual({ settings: NOTHING, faults: [] });
  });

  it('that is broken, or no file at all, says nothing, and that once', async () => {
    for (const text of ['servers: [', '- a', 'a: 1\n---\nb: 2\n'])
      expect(await read(text)).toMatchObject({ settings: NOTHING, faults: [{ file, path: '(top)' }] });
    const { settings, faults } = await readSettingsFile(Schema, folder, 'docs/x.md');
    expect([settings, faults.length]).toEqual([NOTHING, 1]);
  }); // prettier-ignore

  it('with a key twice goes by the last one, and says so with its line', async () => {
    const { settings, faults } = await read('timeoutSeconds: 5\n\ntimeoutSeconds: 7\n');
    expect(settings.timeoutSeconds).toBe(7);
    expect(faults).toMatchObject([
      { path: '(top)', why: 'has a key twice, of which the last counts: timeoutSeconds in line 3' },
    ]);
  });

  it('names a fault of an entry by its place in the file, whatever else is left out', async () => {
    const text =
      'servers:\n  - 5\n  - {address: a}\n  - {address: b, least: 3, most: 2}\ntimeoutSeconds: 0\n';
    const { settings, faults } = await read(text);
    expect(settings).toEqual({ ...NOTHING, servers: [{ address: 'a' }] });
    expect(faults.map(({ path: at, line, why }) => [at, line, why])).toEqual([
      ['servers.0', 2, 'is not a map'],
      ['timeoutSeconds', 5, 'is below 1'],
      ['servers.2', 4, 'least must not be above most'],
    ]);
    expect(faults[0]?.remedy).toBe('Correct it; docs/x.md has all settings.');
    expect(() => requireNoFaults(faults)).toThrow(
      expect.objectContaining({ exitCode: 78, message: expect.stringMatching(/^use \S+x\.yaml: line 2: servers\.0: is not a map\. Correct it; /) as unknown }), // prettier-ignore
    );
  });

  it('is reported once for as long as it stays so', async () => {
    const said: unknown[] = [];
    const line = (fields: unknown): void => void said.push(fields);
    const log = { debug: ignore, info: ignore, warn: ignore, error: line, close: async () => {} };
    const faults = new SettingFaults('KIOS_X', log);
    const first = (await read('timeoutSecond: 5\n')).faults;
    faults.report(first);
    faults.report(first);
    expect(said).toEqual([
      { ev: 'setting.fault', code: 'KIOS_X', file, line: 1, path: 'timeoutSecond', why: 'is not a known key', remedy: 'Did you mean timeoutSeconds?' }, // prettier-ignore
    ]);
    faults.report([]);
    faults.report(first);
    expect(said).toHaveLength(2);
  });

  it('gives settings whatever it holds, and is not changed', () => {
    const key = fc.constantFrom(
      'servers', 'links', 'timeoutSeconds', 'address', 'least', 'most', 'mtu', 'x', '__proto__',
    ); // prettier-ignore
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom<unknown>(null, 0, 5, 'a', true, ''),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(key, tie('tree'), { maxKeys: 4, noNullPrototype: true }),
      ),
    }));
    fc.assert(
      fc.property(tree, (input) => {
        const before = structuredClone(input);
        const { value, faults } = readParts(Schema, input);
        expect(readParts(Schema, value)).toEqual({ value, faults: [] });
        expect(faults.every(({ why }) => why !== '')).toBe(true);
        expect(input).toEqual(before);
      }),
    );
  });
});
