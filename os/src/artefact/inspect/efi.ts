import { zstdDecompressSync } from 'node:zlib';

import { readCpio } from '../../build/formats/cpio.ts';
import { readSections } from '../../build/formats/uki.ts';
import { splitInitramfs } from '../../build/image/initramfs.ts';
import { sha256 } from '../../workstation/digest.ts';
import type { InspectedEfi, NamedPart, Part } from './model.ts';

const part = (bytes: Uint8Array): Part => ({ bytes: bytes.length, sha256: sha256(bytes) });

/** Reads an initramfs: the files of the first stage, and the root. */
export function inspectInitrd(all: Buffer): {
  readonly early: readonly NamedPart[];
  readonly root: Buffer;
} {
  const { microcode, compressed, root } = splitInitramfs(all);
  const early = [...microcode, ...readCpio(zstdDecompressSync(compressed))]
    .filter(({ mode }) => (mode & 0o170000) === 0o100000)
    .map(({ name, content }): NamedPart => ({ name, ...part(content) }));
  return { early, root };
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
