import { zstdDecompressSync } from 'node:zlib';

import { type CpioRecord, readArchive, readCpio } from '../../build/formats/cpio.ts';
import { readSections } from '../../build/formats/uki.ts';
import { sha256 } from '../../workstation/digest.ts';
import type { InspectedEfi, NamedPart, Part } from './model.ts';

const part = (bytes: Uint8Array): Part => ({ bytes: bytes.length, sha256: sha256(bytes) });

const FIRST_HEAD = /^070701[0-9A-Fa-f]{104}$/;

/** Finds the uncompressed archive behind the compressed one. Archives start at multiples of 4. */
function findArchive(initrd: Buffer): number {
  for (let at = initrd.indexOf('070701'); at !== -1; at = initrd.indexOf('070701', at + 1))
    if (at % 4 === 0 && FIRST_HEAD.test(initrd.toString('latin1', at, at + 110))) return at;
  throw new Error('its initramfs has no archive with the root');
}

/** Parts the initramfs from the uncompressed archive with microcode that may be before it. */
function splitMicrocode(all: Buffer): {
  readonly microcode: readonly CpioRecord[];
  readonly initrd: Buffer;
} {
  if (!FIRST_HEAD.test(all.toString('latin1', 0, 110))) return { microcode: [], initrd: all };
  const { records, end } = readArchive(all);
  return { microcode: records, initrd: all.subarray(end) };
}

const ROOT = 'root.erofs';

/** Reads an initramfs: the files of the first stage, and the root. */
export function inspectInitrd(all: Buffer): {
  readonly early: readonly NamedPart[];
  readonly root: Buffer;
} {
  const { microcode, initrd } = splitMicrocode(all);
  const at = findArchive(initrd);
  const root = readCpio(initrd.subarray(at)).find(({ name }) => name === ROOT);
  if (root === undefined) throw new Error(`its initramfs has no ${ROOT}`);
  const early = [...microcode, ...readCpio(zstdDecompressSync(initrd.subarray(0, at)))]
    .filter(({ mode }) => (mode & 0o170000) === 0o100000)
    .map(({ name, content }): NamedPart => ({ name, ...part(content) }));
  return { early, root: root.content };
}

/** Reads an EFI file. Returns its description and the root file system that it carries. */
export function inspectEfi(file: Buffer): { readonly efi: InspectedEfi; readonly root: Buffer } {
  const sections = readSections(file);
  const contentOf = (name: string): Buffer => {
    const found = sections.find((section) => section.name === name);
    if (found === undefined) throw new Error(`it has no section ${name}: it is not kiOS’s`);
    return Buffer.from(found.content.buffer, found.content.byteOffset, found.content.length);
  };
  const textOf = (name: string): string => contentOf(name).toString('utf8').replace(/\0+$/, '');
  const { early, root } = inspectInitrd(contentOf('.initrd'));
  return {
    root,
    efi: {
      ...part(file),
      sections: sections.map(({ name, content }) => ({ name, ...part(content) })),
      commandLine: textOf('.cmdline'),
      kernel: textOf('.uname'),
      early,
    },
  };
}
