import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { expect, it } from 'vitest';

import {
  type DataPart,
  dataParts,
  encodeDataImage,
} from '../../../../src/build/formats/data-image.ts';
import { repository } from '../../../../src/workstation/paths.ts';

const Vector = v.object({
  name: v.string(),
  bytes: v.number(),
  parts: v.array(
    v.union([
      v.object({ offset: v.number(), content: v.string() }),
      v.object({ offset: v.number(), zeros: v.number() }),
    ]),
  ),
  encoded: v.string(),
});
const Vectors = v.object({ valid: v.pipe(v.array(Vector), v.minLength(1)) });

it('has the form that init reads', async () => {
  const file = path.join(repository, 'packages/host-api/vectors/data-image.json');
  const { valid } = v.parse(
    v.pipe(v.string(), v.parseJson(), Vectors),
    await readFile(file, 'utf8'),
  );
  for (const { name, bytes, parts, encoded } of valid) {
    const all = parts.map((part): DataPart =>
      'content' in part
        ? { offset: part.offset, content: Buffer.from(part.content, 'hex') }
        : { offset: part.offset, zeros: part.zeros },
    );
    expect([name, encodeDataImage(bytes, all).toString('hex')]).toEqual([name, encoded]);
  }
});

it('has zeros without their bytes, and nothing of what is not used', async () => {
  const disk = Buffer.alloc(40_960, 0xff);
  disk.fill(0, 4096, 16_384);
  disk.fill(7, 8192, 8193);
  const used = [
    { offset: 4096, bytes: 12_288 },
    { offset: 24_576, bytes: 6144 },
  ];
  const parts = await dataParts(used, ({ offset, bytes }) =>
    Promise.resolve(disk.subarray(offset, offset + bytes)),
  );
  expect(parts).toEqual([
    { offset: 4096, zeros: 4096 },
    { offset: 8192, content: disk.subarray(8192, 12_288) },
    { offset: 12_288, zeros: 4096 },
    { offset: 24_576, content: disk.subarray(24_576, 30_720) },
  ]);
});
