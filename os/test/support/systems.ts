import { cp, readFile, writeFile } from 'node:fs/promises';

import { makeUki, readSections } from '../../src/build/formats/uki.ts';
import { artefactsIn } from '../../src/build/image/artefacts.ts';
import { readRecord, writeRecord } from '../../src/build/image/record.ts';
import { readStub } from '../../src/build/image/stub.ts';
import { silent } from '../../src/workstation/progress.ts';

/** Returns a system that has further words on its kernel's command line, and is equal otherwise. */
export async function withWords(efi: Buffer, words: string): Promise<Buffer> {
  const { bytes: stub } = await readStub('amd64', silent);
  const added = readSections(efi).slice(readSections(stub).length);
  const changed = added.map(({ name, content }) => {
    if (name !== '.cmdline') return { name, content };
    return { name, content: Buffer.concat([content, Buffer.from(` ${words}`)]) };
  });
  return makeUki(stub, changed);
}

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
