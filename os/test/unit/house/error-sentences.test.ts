import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { repository } from '../../../src/workstation/paths.ts';

const SOURCES = ['{packages,agents}/*/src/**/*.ts', 'os/src/**/*.ts'];
const LITERAL = String.raw`('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\x60(?:[^\x60\\]|\\.)*\x60)`;
/** The first string after the code, if any, in a call of a KiosError's constructor. */
const messageOf = (classes: readonly string[]): RegExp =>
  new RegExp(
    String.raw`(?:new (?:${classes.join('|')})\(|\bsuper\((?='KIOS_|\s+'KIOS_))\s*(?:'KIOS_\w+',\s*)?${LITERAL}`,
    'g',
  );
/** Also behind a condition: `remedy: known ? 'Do this.' : undefined`. */
const REMEDY = new RegExp(String.raw`\bremedy(?::| =)\s*(?:[\w.!= ]+\?\s*)?${LITERAL}`, 'g');
/** `fail CODE MESSAGE REMEDY` in the launcher, perhaps over two lines. */
const FAIL = new RegExp(String.raw`\bfail KIOS_\w+ ${LITERAL} (?:\\\s+)?${LITERAL}`, 'g');

/** Exceptions: a start that is only known when it runs, and a code whose message is a variable. */
const STARTS_UNKNOWN = /^\$\{/;
const CODE = /^KIOS_\w+$/;

const isMessage = (text: string): boolean =>
  /^[a-z]/.test(text) || STARTS_UNKNOWN.test(text) || CODE.test(text);
const isRemedy = (text: string): boolean =>
  (/^[A-Z]/.test(text) || STARTS_UNKNOWN.test(text)) && text.endsWith('.');

const bare = (literal: string | undefined): string => (literal ?? '').slice(1, -1);
const found = (text: string, pattern: RegExp, group = 1): string[] =>
  [...text.matchAll(pattern)].map((match) => bare(match[group]));

interface Source {
  readonly file: string;
  readonly text: string;
}

async function sources(): Promise<Source[]> {
  const read: Source[] = [];
  for await (const file of glob(SOURCES, { cwd: repository }))
    read.push({ file, text: await readFile(path.join(repository, file), 'utf8') });
  return read.toSorted((one, other) => one.file.localeCompare(other.file));
}

describe('an error reads as a sentence after "cannot", its remedy as one by itself', async () => {
  const files = await sources();
  const classes = [
    'KiosError',
    ...files.flatMap(({ text }) =>
      [...text.matchAll(/class (\w+) extends KiosError/g)].map(([, name = '']) => name),
    ),
  ];

  it('in the sources', () => {
    const faults = files.flatMap(({ file, text }) => [
      ...found(text, messageOf(classes))
        .filter((message) => !isMessage(message))
        .map((message) => `${file}: message: ${message}`),
      ...found(text, REMEDY)
        .filter((remedy) => !isRemedy(remedy))
        .map((remedy) => `${file}: remedy: ${remedy}`),
    ]);
    expect(faults).toEqual([]);
  });

  it('in the launcher', async () => {
    const text = await readFile(path.join(repository, 'kios'), 'utf8');
    expect(found(text, FAIL).filter((message) => !isMessage(message))).toEqual([]);
    expect(found(text, FAIL, 2).filter((remedy) => !isRemedy(remedy))).toEqual([]);
    expect(found(text, FAIL)).toHaveLength(text.match(/\bfail KIOS_/g)?.length ?? 0);
  });

  it('and the check sees them', () => {
    const text = files.map((file) => file.text).join('\n');
    expect(found(text, messageOf(classes)).length).toBeGreaterThan(80);
    expect(found(text, REMEDY).length).toBeGreaterThan(40);
  });
});
