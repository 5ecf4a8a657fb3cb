import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { readYamlConfig } from '../src/config.ts';

const Schema = v.strictObject({
  timeoutSeconds: v.optional(v.pipe(v.number(), v.minValue(1)), 60),
  servers: v.optional(v.array(v.strictObject({ address: v.string() })), []),
});

describe('readYamlConfig', () => {
  let dir: string;
  let file: string;
  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'kios-config-'));
    file = path.join(dir, 'x.yaml');
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('returns the defaults for a missing and for an empty file', async () => {
    expect(await readYamlConfig(Schema, file)).toEqual({ timeoutSeconds: 60, servers: [] });
    await writeFile(file, '# nothing\n');
    expect(await readYamlConfig(Schema, file)).toEqual({ timeoutSeconds: 60, servers: [] });
  });

  it.each([
    ['an unknown key', 'tiemout: 3', /tiemout/],
    ['a wrong type, with its path', 'servers: [{address: 3}]', /servers\.0\.address/],
    ['a value out of range', 'timeoutSeconds: 0', /timeoutSeconds/],
    ['a repeated key', 'timeoutSeconds: 2\ntimeoutSeconds: 3', /parse/],
    ['text that is not YAML', 'a: [', /parse/],
    ['a list', '- a', /x\.yaml/],
  ])('refuses %s', async (_, text, message) => {
    await writeFile(file, text);
    const reading = readYamlConfig(Schema, file);
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toMatchObject({ code: 'KIOS_CONFIG', exitCode: 78 });
  });

  it('refuses a file that cannot be read', async () => {
    await expect(readYamlConfig(Schema, dir)).rejects.toMatchObject({ code: 'KIOS_CONFIG' });
  });
});
