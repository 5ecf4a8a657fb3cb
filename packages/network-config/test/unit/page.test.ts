import { readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, it } from 'vitest';

import { netplanFields, readNetworkConfig } from '../../src/index.ts';

const page = readFileSync(path.join(import.meta.dirname, '../../../../docs/network.md'), 'utf8');

const section = (title: string): string => {
  const [, text = ''] = page.split(`\n## ${title}\n`);
  return text.split('\n## ')[0] ?? '';
};

const quoted = (text: string): string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);

/** The first two columns of each row. */
const rows = (text: string): (readonly [string, string])[] =>
  text
    .split('\n')
    .map((line) => line.split(' | '))
    .filter(([first = '']) => first.startsWith('| `'))
    .map(([first = '', second = '']) => [first, second.replace(/ \|$/, '')]);

/** Keys of the tables; a heading with "below", or of one map of overrides, names what they stand in. */
const keysOnPage = (): string[] =>
  section('Keys')
    .split('\n### ')
    .slice(1)
    .flatMap((text) => {
      const [heading = ''] = text.split('\n');
      const isInside = /below/i.test(heading) || heading.includes('overrides');
      const prefixes = isInside ? quoted(heading).map((word) => `${word}.`) : [''];
      const keys = rows(text).flatMap(([first]) => quoted(first));
      return prefixes.flatMap((prefix) => keys.map((key) => prefix + key));
    });

const unique = (words: readonly string[]): string[] => [...new Set(words)].toSorted();

it('docs/network.md has each key of the schema, and no other', () => {
  const supported = netplanFields().filter(({ refused }) => refused === undefined);
  expect(unique(keysOnPage())).toEqual(unique(supported.map(({ key }) => key)));
});

it('docs/network.md has each refused key with its reason', () => {
  const onPage = rows(section('Refused keys')).flatMap(([keys, why]) =>
    quoted(keys).map((key) => `${key}: ${why}`),
  );
  const refused = netplanFields().filter((field) => field.refused !== undefined);
  expect(unique(onPage)).toEqual(unique(refused.map(({ key, refused: why }) => `${key}: ${why}`)));
});

const examples = [...page.matchAll(/^```yaml\n(.*?)^```/gms)].map(([, text = '']) => text);

it('has examples', () => expect(examples.length).toBeGreaterThan(5));

it.each(examples)('example %# has no fault', (text) => {
  expect(readNetworkConfig(text)).toMatchObject({ ok: true });
});
