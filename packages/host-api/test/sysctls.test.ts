import { readFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { readSysctls, sysctlFault, SYSCTLS_OF_HOST } from '../src/sysctls.ts';

interface Vectors {
  readonly ofHost: readonly string[];
  readonly texts: readonly {
    readonly text: string;
    readonly rows: readonly (readonly [string, string])[];
    readonly refused: readonly string[];
  }[];
}
const file = path.join(import.meta.dirname, '../vectors/sysctls.json');
const isVectors = (value: unknown): value is Vectors =>
  typeof value === 'object' && value !== null && 'texts' in value;
const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
const vectors = isVectors(parsed) ? parsed : { ofHost: [], texts: [] };

describe('sysctl.conf', () => {
  it('leaves the same to the host as init does', () => {
    expect(vectors.texts.length).toBeGreaterThan(5);
    expect(SYSCTLS_OF_HOST.toSorted()).toEqual(vectors.ofHost);
  });

  it.each(vectors.texts)('$text is read as init reads it', ({ text, rows, refused }) => {
    const read = readSysctls(text);
    expect([...read.rows]).toEqual(rows);
    const named = read.faults.map(({ line, name, why }) =>
      why.startsWith('belongs') ? name : `line ${line}`,
    );
    expect(named).toEqual(refused);
  });

  it('has no value over several lines', () => {
    expect(sysctlFault('vm.swappiness', '1\nkernel.modprobe = /x')).toContain('one line');
    expect(sysctlFault('vm.swappiness', '1')).toBeUndefined();
  });
});
