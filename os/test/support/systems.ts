import { cp, readFile, writeFile } from 'node:fs/promises';

import { makeUki, readSections, type UkiSection } from '../../src/build/formats/uki.ts';
import { artefactsIn } from '../../src/build/image/artefacts.ts';
import { readRecord, writeRecord } from '../../src/build/image/record.ts';
import { readStub } from '../../src/build/image/stub.ts';
import { silent } from '../../src/workstation/progress.ts';

/** Returns a system with another content of one section. */
export async function withSection(
  efi: Buffer,
  name: string,
  change: (content: Uint8Array) => Uint8Array | Promise<Uint8Array>,
): Promise<Buffer> {
  const { bytes: stub } = await readStub('amd64', silent);
  const sections: UkiSection[] = [];
  for (const section of readSections(efi).slice(readSections(stub).length))
    sections.push(
      section.name === name ? { name, content: await change(section.content) } : section,
    );
  return makeUki(stub, sections);
}

/** Returns a system that has further words on its kernel's command line, and is equal otherwise. */
export const withWords = (efi: Buffer, words: string): Promise<Buffer> =>
  withSection(efi, '.cmdline', (known) => Buffer.concat([known, Buffer.from(` ${words}`)]));

/** Copies a finished build into a new folder, with further words on its kernel's command line. */
export async function copyBuild(from: string, to: string, words: string): Promise<void> {
  const record = await readRecord(from);
  if (record === undefined) throw new Error(`${from} has no finished build`);
  const { efi, image } = artefactsIn(from);
  const filter = (source: string): boolean => source !== efi && source !== image;
  await cp(from, to, { recursive: true, filter });
  await writeFile(artefactsIn(to).efi, await withWords(await readFile(efi), words));
  const { arch, time, kernel } = record;
  await writeRecord(to, { arch, time, kernel, bootstrap: undefined });
}

/** Returns a system whose stub starts and whose kernel does not: one bit in the middle of that is another one. */
export function withBrokenKernel(efi: Buffer): Buffer {
  const kernel = readSections(efi).find(({ name }) => name === '.linux')!.content;
  const middle = kernel.byteOffset - efi.byteOffset + Math.floor(kernel.length / 2);
  const copy = Buffer.from(efi);
  copy.writeUInt8(copy.readUInt8(middle) ^ 1, middle);
  return copy;
}
