import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { BinaryIndex } from '../../src/core/index/binary-index.ts';
import { fnmatch } from '../../src/core/index/fnmatch.ts';
import { IndexDamage } from '../../src/core/index/index-nodes.ts';
import { emptyConfig } from '../../src/core/index/modprobe-config.ts';
import { ModuleIndex } from '../../src/core/index/module-index.ts';
import { formatIndex, type Key, rawIndex } from '../support/binary-index.ts';

const KEYS: readonly Key[] = [
  ['pci:v00001AF4d*', 'virtio_pci', 3],
  ['pci:v00001AF4d00001000*', 'virtio_old', 1],
  ['pci:v*d*bc0[12]*', 'class_driver', 2],
  ['usb:v?p1', 'usb_one', 4],
  ['plain', 'plain_module', 5],
  ['plain_more', 'plain_two', 6],
];

describe('a binary index', () => {
  const index = new BinaryIndex(formatIndex(KEYS));

  it('returns the modules of all keys that match, by priority', () => {
    expect(index.match('pci:v00001AF4d00001000bc02')).toEqual([
      'virtio_old',
      'class_driver',
      'virtio_pci',
    ]);
    expect(index.match('usb:vXp1')).toEqual(['usb_one']);
    expect(index.match('usb:vp1')).toEqual([]);
    expect(index.match('plain')).toEqual(['plain_module']);
  });

  it('returns the value of a key, and nothing for a part or a continuation of one', () => {
    expect(index.get('plain')).toBe('plain_module');
    for (const key of ['', 'plai', 'plain_', 'plain_mores', 'zork'])
      expect(index.get(key)).toBeUndefined();
  });

  it('finds what fnmatch finds in a list of the same patterns', () => {
    const pattern = fc.stringMatching(/^([ab:_]|\*|\?|\[ab\]|\[!b\]|\\a){0,8}$/);
    const text = fc.stringMatching(/^[ab:_]{0,10}$/);
    fc.assert(
      fc.property(fc.uniqueArray(pattern, { maxLength: 12 }), text, (patterns, asked) => {
        const keys = patterns.map((key, at): Key => [key, `m${at}`, at]);
        const want = keys.filter(([key]) => fnmatch(key, asked)).map(([, module]) => module);
        expect(new BinaryIndex(formatIndex(keys)).match(asked)).toEqual(want);
      }),
      { numRuns: 300 },
    );
  });
});

const LOOP = 0xa0_00_00_0c;
/** A node with the prefix `*` whose children are all itself. */
const loop = [
  0x2a,
  0,
  1,
  255,
  ...Array.from({ length: 255 }, () => [LOOP >>> 24, 0, 0, 12]).flat(),
];

function thrownBy(act: () => void): unknown {
  try {
    act();
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('a damaged index', () => {
  const whole = formatIndex(KEYS);
  const damaged: readonly (readonly [what: string, bytes: string])[] = [
    ['is empty but for its magic', whole.slice(0, 8)],
    ['is another file', 'alias pci:v* x\n'.repeat(20)],
    ['has another version', rawIndex(0xa0_00_00_0c, loop, 0x00_03_00_00)],
    ['has a loop', rawIndex(LOOP, loop)],
    ['begins outside of itself', rawIndex(0xaf_ff_ff_f0, loop)],
    ['has a node with four milliards of values', rawIndex(0xc0_00_00_0c, [0x2a, 0, 255, 255, 255, 255, 0, 0, 0, 1, 0x61, 0])],
    ['has a node with less than no child', rawIndex(0x20_00_00_0c, [9, 3, 0, 0, 0, 0])],
    ['has a text without an end', rawIndex(0xc0_00_00_0c, [0x61, 0x61, 0x61])],
    ['is larger than any', whole + '\0'.repeat(5_000_000)],
  ]; // prettier-ignore

  it.each(damaged)('that %s is told, and the text is used, soon', (_, bytes) => {
    const said: string[] = [];
    const text: Record<string, string> = {
      'modules.dep': 'k/virtio_pci.ko:\n',
      'modules.alias': 'alias pci:v00001AF4d* virtio_pci\n',
    };
    const read = (file: string): string => (file.endsWith('.bin') ? bytes : (text[file] ?? ''));
    const index = new ModuleIndex(read, emptyConfig(), (file) => said.push(file));
    expect(index.lookup('pci:v00001AF4d00001000')?.names).toEqual(['virtio_pci']);
    expect(index.lookup('pci:v00001AF4d00001000')?.names).toEqual(['virtio_pci']);
    expect(index.names).toEqual(['virtio_pci']);
    // Each file once.
    expect(said.toSorted()).toEqual(['modules.alias.bin', 'modules.dep.bin']);
  });

  it('that is cut anywhere or has any bytes changed gives an answer or IndexDamage', () => {
    const change = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(fc.nat(whole.length), change, (length, changes) => {
        const bytes = whole.slice(0, length).split('');
        for (const [at, byte] of changes) if (at < length) bytes[at] = String.fromCharCode(byte);
        const ask = (): void => {
          const index = new BinaryIndex(bytes.join(''));
          index.get('plain');
          index.match('pci:v00001AF4d00001000bc02');
          index.entries();
        };
        expect(thrownBy(ask)).toSatisfy(
          (error) => error === undefined || error instanceof IndexDamage,
        );
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps no more than 64 MiB', () => {
    // As large as is read at all, and full of nodes that name each other.
    const bytes = rawIndex(LOOP, [...loop, ...Array.from({ length: 3_000_000 }, () => 0x61)]);
    const before = process.memoryUsage().heapUsed;
    expect(() => new BinaryIndex(bytes).entries()).toThrow(IndexDamage);
    expect(() => new BinaryIndex(bytes).match('abc')).toThrow(IndexDamage);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1024 * 1024);
  });
});
