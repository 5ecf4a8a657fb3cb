import { readFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import {
  type BoardChoice,
  parseChoice,
  SECTOR,
  systemPrefix,
  withChoice,
} from '../src/board-slots.ts';

interface Vectors {
  readonly files: { readonly generation: number; readonly prefix: string };
  readonly choices: readonly { readonly text: string; readonly choice: BoardChoice | null }[];
  readonly far: { readonly before: number; readonly text: string };
  readonly changes: readonly {
    readonly from: string;
    readonly choice: BoardChoice;
    readonly to: string;
  }[];
}

const file = path.join(import.meta.dirname, '../vectors/board-slots.json');
const isVectors = (value: unknown): value is Vectors =>
  typeof value === 'object' && value !== null && 'choices' in value;
const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
if (!isVectors(parsed)) throw new Error(`${file} has other vectors`);
const vectors = parsed;

describe('config.txt of a board', () => {
  it.each(vectors.choices)('is read: $text', ({ text, choice }) =>
    expect(parseChoice(text)).toEqual(choice ?? undefined),
  );

  it('does not count beyond its first sector, which alone is written', () => {
    const { before, text } = vectors.far;
    expect(parseChoice(`${'#'.repeat(before - 1)}\n${text}`)).toBeUndefined();
  });

  it.each(vectors.changes)('is changed in place', ({ from, choice, to }) => {
    expect(withChoice(from, choice)).toBe(to);
    expect(parseChoice(to)).toEqual(choice);
    const long = `${from}${'arm_64bit=1\n'.repeat(100)}`;
    expect(withChoice(long, choice).slice(SECTOR)).toBe(long.slice(SECTOR));
  });

  it('names the folder of a system', () =>
    expect(systemPrefix(vectors.files.generation)).toBe(vectors.files.prefix));
});
