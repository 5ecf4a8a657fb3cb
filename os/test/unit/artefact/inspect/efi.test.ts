import { describe, expect, it } from 'vitest';

import { inspectEfi } from '../../../../src/artefact/inspect/efi.ts';
import { Tree } from '../../../../src/build/formats/tree.ts';
import { makeUki } from '../../../../src/build/formats/uki.ts';
import { makeInitramfs } from '../../../../src/build/image/initramfs.ts';
import { makeStub } from '../../../support/stub.ts';
import { origin } from '../../../support/trees.ts';

const early = new Tree().text('/init', 'first stage', origin);
const root = new Tree().text('/root.erofs', 'the root', origin);
const microcode = new Tree().text('/kernel/x86/microcode/AuthenticAMD.bin', 'odd size', origin);

async function efiWith(first?: Tree): Promise<Buffer> {
  return makeUki(makeStub(), [
    { name: '.cmdline', content: Buffer.from('quiet') },
    { name: '.uname', content: Buffer.from('6.12.0') },
    { name: '.initrd', content: await makeInitramfs(early, root, first) },
  ]);
}

describe('the initramfs of an EFI file', () => {
  it('is read without microcode', async () => {
    const { efi, root: found } = inspectEfi(await efiWith());
    expect(efi.early.map(({ name }) => name)).toEqual(['init']);
    expect(found.toString()).toBe('the root');
  });

  it('is read with microcode, which comes first and is not compressed', async () => {
    const file = await efiWith(microcode);
    const { efi, root: found } = inspectEfi(file);
    expect(efi.early.map(({ name }) => name)).toEqual([
      'kernel/x86/microcode/AuthenticAMD.bin',
      'init',
    ]);
    expect(found.toString()).toBe('the root');
    expect(file.includes('odd size')).toBe(true);
  });
});
