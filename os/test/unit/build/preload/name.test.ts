import { expect, it } from 'vitest';

import { namesIn, parseImageName, writtenForms } from '../../../../src/build/preload/name.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const FOUND = `sha256:${'b'.repeat(64)}`;

it.each([
  ['busybox', 'docker.io/library/busybox:latest'],
  ['busybox:1.36', 'docker.io/library/busybox:1.36'],
  ['team/app:1', 'docker.io/team/app:1'],
  ['index.docker.io/team/app', 'docker.io/team/app:latest'],
  ['localhost/app:1', 'localhost/app:1'],
  ['localhost:5000/a/b:1', 'localhost:5000/a/b:1'],
  ['registry.example/team/app:v1.2_x', 'registry.example/team/app:v1.2_x'],
  ['[::1]:5000/app:1', '[::1]:5000/app:1'],
])('%s is looked up as %s', (given, tagged) => {
  const name = parseImageName(given);
  expect(namesIn(name, FOUND)).toEqual([tagged, `${name.repository}@${FOUND}`]);
});

it.each([`busybox@${DIGEST}`, `busybox:1@${DIGEST}`])(
  '%s is looked up by its digest alone',
  (given) => {
    const name = parseImageName(given);
    expect(name.digest).toBe(DIGEST);
    expect(namesIn(name, DIGEST)).toEqual([`docker.io/library/busybox@${DIGEST}`]);
  },
);

it.each(['', 'A/b c', 'registry.example/', 'app:', 'app@sha256:1', 'http://registry.example/app'])(
  'refuses %j',
  (given) => {
    expect(() => parseImageName(given)).toThrow('it is no reference');
  },
);

it('refuses a name of the node’s own images', () => {
  expect(() => parseImageName('kios.invalid/dhcp:1')).toThrow('the node’s own images');
});

it.each([
  ['registry.example/team/app', ['registry.example/team/app']],
  ['docker.io/team/app', ['docker.io/team/app', 'team/app']],
  [
    'docker.io/library/redis',
    ['docker.io/library/redis', 'library/redis', 'docker.io/redis', 'redis'],
  ],
])('a pod may write %s in each of its forms', (repository, forms) => {
  expect(writtenForms(repository)).toEqual(forms);
  for (const form of forms) expect(parseImageName(form).repository).toBe(repository);
});
