import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { expect, it } from 'vitest';

import { repository } from '../../../../src/workstation/paths.ts';

const Vectors = v.strictObject({
  files: v.array(v.string()),
  folders: v.record(v.string(), v.array(v.string())),
  noCloud: v.array(v.string()),
});
const read = (name: string): Promise<string> => readFile(path.join(repository, name), 'utf8');

it.each(['os/esp/kios/README.txt', 'docs/medium.md'])(
  '%s names everything that counts on the medium',
  async (page) => {
    const { files, folders, noCloud } = v.parse(
      Vectors,
      JSON.parse(await read('packages/host-api/vectors/boot-folder.json')),
    );
    const text = await read(page);
    const names = [...files, ...Object.keys(folders), ...noCloud];
    const missing = names.filter((name) => name !== 'README.txt' && !text.includes(name));
    expect(missing).toEqual([]);
  },
);
