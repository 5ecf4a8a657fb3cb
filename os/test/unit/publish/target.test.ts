import { expect, it } from 'vitest';

import { isLoopback, parseTag, parseTarget, repositoryOf } from '../../../src/publish/target.ts';

it.each([
  ['registry.example', 'registry.example/dhcp'],
  ['registry.example/kios', 'registry.example/kios/dhcp'],
  ['registry.example:5000/a/b-c/d__e', 'registry.example:5000/a/b-c/d__e/dhcp'],
  ['localhost:5000/kios/', 'localhost:5000/kios/dhcp'],
  ['127.0.0.1:5000', '127.0.0.1:5000/dhcp'],
  ['[::1]:5000/kios', '[::1]:5000/kios/dhcp'],
  ['hub:5000/kios', 'hub:5000/kios/dhcp'],
])('%s has the repository %s', (word, repository) => {
  expect(repositoryOf(parseTarget(word), 'dhcp')).toBe(repository);
});

it.each([
  '',
  'kios',
  'me/kios',
  'https://registry.example',
  'registry.example/Kios',
  'a.b//c',
  '-x',
])('refuses %j', (word) => {
  expect(() => parseTarget(word)).toThrow(expect.objectContaining({ code: 'KIOS_PUBLISH_TARGET' }));
});

it.each([
  'localhost',
  'localhost:5000/kios',
  'hub.localhost:1',
  '127.0.0.1:5000',
  '127.1',
  '[::1]',
])('%s is a name that every machine has for itself', (word) =>
  expect(isLoopback(parseTarget(word))).toBe(true),
);

it.each(['registry.example', 'localhost.example:1', '127.example', '10.0.0.1:1', '[2001:db8::1]'])(
  '%s is a name of one machine',
  (word) => expect(isLoopback(parseTarget(word))).toBe(false),
);

const withPassword = () => parseTarget('https://me:hunter2@registry.example/kios');

it('does not repeat what may hold a password', () => {
  expect(withPassword).toThrow(expect.objectContaining({ code: 'KIOS_PUBLISH_TARGET' }));
  expect(withPassword).not.toThrow(/hunter2/);
});

it.each(['0.1.0', 'v1', '_a.b-c', 'x'.repeat(128)])('takes the tag %s', (tag) => {
  expect(parseTag(tag)).toBe(tag);
});

it.each(['', '.a', '-a', 'a b', 'a/b', 'x'.repeat(129), `sha256-${'0'.repeat(64)}`])(
  'refuses the tag %j',
  (tag) => {
    expect(() => parseTag(tag)).toThrow(expect.objectContaining({ code: 'KIOS_PUBLISH_TARGET' }));
  },
);
