import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { expect, it } from 'vitest';

import { namesIn, parseImageName, writtenForms } from '../../../../src/build/preload/name.ts';
import { repository } from '../../../../src/workstation/paths.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const FOUND = `sha256:${'b'.repeat(64)}`;

const Vectors = v.strictObject({
  names: v.array(
    v.strictObject({
      text: v.string(),
      repository: v.string(),
      tag: v.optional(v.string()),
      forms: v.array(v.string()),
    }),
  ),
  refused: v.array(v.string()),
});
/** They bind init too. */
const { names, refused } = v.parse(
  Vectors,
  JSON.parse(
    await readFile(path.join(repository, 'packages/host-api/vectors/image-names.json'), 'utf8'),
  ),
);

it.each(names)('$text is looked up as a node does', ({ text, repository: of, tag, forms }) => {
  const name = parseImageName(text);
  expect(name.repository).toBe(of);
  const byDigest = `${of}@${FOUND}`;
  expect(namesIn(name, FOUND)).toEqual(tag === undefined ? [byDigest] : [`${of}:${tag}`, byDigest]);
  expect(writtenForms(of)).toEqual(forms);
  for (const form of forms) expect(parseImageName(form).repository).toBe(of);
});

it.each([`busybox@${DIGEST}`, `busybox:1@${DIGEST}`])(
  '%s is looked up by its digest alone',
  (given) => {
    const name = parseImageName(given);
    expect(name.digest).toBe(DIGEST);
    expect(namesIn(name, DIGEST)).toEqual([`docker.io/library/busybox@${DIGEST}`]);
  },
);

it.each(refused)('refuses %j', (given) => {
  expect(() => parseImageName(given)).toThrow(/is no reference|the node’s own images/);
});

it('refuses a name of the node’s own images', () => {
  expect(() => parseImageName('kios.invalid/dhcp:1')).toThrow('the node’s own images');
});
