import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, it } from 'vitest';

import { interpret, type SocketName } from '../src/index.ts';

interface Vector {
  readonly socket: SocketName;
  readonly bytes: string;
  readonly commands: readonly string[];
  readonly refused: number;
}

const file = path.join(import.meta.dirname, '../vectors/commands.json');
const isVectors = (value: unknown): value is readonly Vector[] => Array.isArray(value);
const parsed: unknown = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [];
const vectors = isVectors(parsed) ? parsed : [];

it('there are vectors, shared with init', () => {
  expect(vectors.length).toBeGreaterThan(5);
});

it.each(vectors)('$socket reads $bytes as $commands and refuses $refused', (vector) => {
  expect(interpret(vector.socket, Buffer.from(vector.bytes, 'hex'))).toEqual({
    commands: vector.commands,
    refused: vector.refused,
  });
});
