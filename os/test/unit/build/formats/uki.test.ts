import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { makeUki, readSections, type UkiSection } from '../../../../src/build/formats/uki.ts';
import { run } from '../../../../src/workstation/run.ts';
import { anyStub, makeStub } from '../../../support/stub.ts';

interface Section {
  readonly name: string;
  readonly size: number;
  readonly address: number;
  readonly raw: number;
  readonly offset: number;
}

/** Reads the section table again. */
function sectionsOf(pe: Buffer): Section[] {
  const coff = pe.readUInt32LE(60) + 4;
  const table = coff + 20 + pe.readUInt16LE(coff + 16);
  return Array.from({ length: pe.readUInt16LE(coff + 2) }, (_, index) => {
    const header = pe.subarray(table + index * 40);
    return {
      name: header.toString('latin1', 0, 8).replaceAll('\0', ''),
      size: header.readUInt32LE(8),
      address: header.readUInt32LE(12),
      raw: header.readUInt32LE(16),
      offset: header.readUInt32LE(20),
    };
  });
}

const sections: readonly UkiSection[] = [
  { name: '.osrel', content: Buffer.from('ID=kios\n') },
  { name: '.cmdline', content: Buffer.from('quiet') },
  { name: '.initrd', content: Buffer.alloc(10_000, 7) },
  { name: '.linux', content: Buffer.alloc(4096, 9) },
];

it('is a PE file whose sections binutils finds', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'kios-uki-'));
  try {
    const file = path.join(dir, 'kios.efi');
    const uki = makeUki(makeStub(), sections);
    await writeFile(file, uki);
    const headers = await run('objdump', ['-h', '-w', file], { env: { LC_ALL: 'C' } });
    const row = /^ +\d+ (\S+) +([0-9a-f]{8}) +[0-9a-f]+ +[0-9a-f]+ +([0-9a-f]{8}) /gm;
    const found = [...headers.matchAll(row)].map(([, name, size, offset]) => {
      const start = parseInt(offset!, 16);
      return { name, content: uki.subarray(start, start + parseInt(size!, 16)) };
    });
    expect(found).toEqual([{ name: '.text', content: Buffer.alloc(512, 0xc3) }, ...sections]);
  } finally {
    await rm(dir, { recursive: true });
  }
});

it('aligns sections after the stub’s, without overlap, in the file and in memory', () => {
  const contents = fc.array(fc.uint8Array({ minLength: 1, maxLength: 9000 }), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(
    fc.property(anyStub, contents, ({ stub, sectionAlignment, fileAlignment }, list) => {
      const uki = makeUki(
        stub,
        list.map((content, index) => ({ name: `.s${index}`, content })),
      );
      const all = sectionsOf(uki);
      expect(all.map(({ name }) => name)).toEqual([
        '.text',
        ...list.map((_, index) => `.s${index}`),
      ]);
      for (const [index, section] of all.slice(1).entries()) {
        const before = all[index]!;
        expect(section.address % sectionAlignment).toBe(0);
        expect(section.offset % fileAlignment).toBe(0);
        expect(section.raw % fileAlignment).toBe(0);
        expect(section.address).toBeGreaterThanOrEqual(before.address + before.size);
        expect(section.offset).toBeGreaterThanOrEqual(before.offset + before.raw);
        const { offset, size } = section;
        expect(uki.subarray(offset, offset + size)).toEqual(Buffer.from(list[index]!));
      }
      const last = all.at(-1)!;
      const imageSize = uki.readUInt32LE(uki.readUInt32LE(60) + 24 + 56);
      expect(imageSize % sectionAlignment).toBe(0);
      expect(imageSize).toBeGreaterThanOrEqual(last.address + last.size);
      expect(uki.length).toBe(last.offset + last.raw);
    }),
  );
});

it('reads back the sections that it appended', () => {
  const contents = fc.array(fc.uint8Array({ minLength: 1, maxLength: 3000 }), { maxLength: 5 });
  fc.assert(
    fc.property(anyStub, contents, ({ stub }, list) => {
      const added = list.map((bytes, index) => ({
        name: `.s${index}`,
        content: Buffer.from(bytes),
      }));
      expect(readSections(makeUki(stub, added)).slice(1)).toEqual(added);
    }),
  );
});

it('tells a file that is cut short at any byte', () => {
  const uki = makeUki(makeStub(), sections);
  const last = sectionsOf(uki).at(-1)!;
  fc.assert(
    fc.property(fc.nat({ max: last.offset + last.size - 1 }), (bytes) => {
      expect(() => readSections(uki.subarray(0, bytes))).toThrow('read the EFI file');
    }),
  );
});

it('changes only the headers of the stub', () => {
  const stub = makeStub();
  const copy = Buffer.from(stub);
  const uki = makeUki(stub, sections);
  expect(stub).toEqual(copy);
  expect(uki.subarray(1024, 1536)).toEqual(stub.subarray(1024, 1536));
});

it('is the same for equal parts', () => {
  expect(makeUki(makeStub(), sections)).toEqual(makeUki(makeStub(), sections));
});

it.each([
  ['empty', Buffer.alloc(0)],
  ['text', Buffer.from('#!/bin/sh\n'.repeat(20))],
  ['a DOS program', Buffer.concat([Buffer.from('MZ'), Buffer.alloc(200)])],
])('rejects a stub that is not a PE file: %s', (_, stub) => {
  expect(() => makeUki(stub, sections)).toThrow('read the EFI file: it is not a PE file');
});

it('rejects more sections than fit into the stub’s header', () => {
  const many = Array.from({ length: 30 }, (_, index) => ({
    name: `.${index}`,
    content: Buffer.of(1),
  }));
  expect(() => makeUki(makeStub(), many)).toThrow(
    'add 30 sections to the EFI stub: its header has no room',
  );
});
