import { cpio } from '../../build/formats/cpio.ts';
import { type Origin, Tree } from '../../build/formats/tree.ts';
import { makeUki, readSections } from '../../build/formats/uki.ts';
import { slotFile } from '../../build/image/boot-slots.ts';
import { rootFile } from '../../build/image/root.ts';
import { KIOS } from '../../build/versions.ts';
import { fileSha256 } from '../../workstation/digest.ts';

const ORIGIN: Origin = { name: 'kios', version: KIOS, kind: 'kios' };

/**
 * Where the root of a generation lies beside its EFI file. systemd's stub packs it into an archive behind the initramfs
 * (systemd-stub(7)), from which init takes it.
 */
export const rootBeside = (generation: number): string =>
  `${slotFile(generation)}.extra.d/root.sysext.raw`;

const INITRD = '.initrd';

/** Returns the size of an EFI file's initramfs. */
export const initrdBytes = (efi: Buffer): number =>
  readSections(efi).find(({ name }) => name === INITRD)?.content.length ?? 0;

/** Takes the root out of an EFI file, whose initramfs then names the root's SHA-256. */
export async function smallSystem(efi: Buffer, stub: Buffer, root: string): Promise<Buffer> {
  const archive = await cpio(rootFile(root));
  const name = await cpio(new Tree().text('/root.sha256', `${await fileSha256(root)}\n`, ORIGIN));
  const sections = readSections(efi).slice(readSections(stub).length);
  return makeUki(
    stub,
    sections.map((section) => {
      if (section.name !== INITRD) return section;
      const { buffer, byteOffset, length } = section.content;
      const initrd = Buffer.from(buffer, byteOffset, length);
      const rest = length - archive.length;
      if (rest < 0 || !initrd.subarray(rest).equals(archive))
        throw new Error(`the initramfs does not end in ${root}`);
      return { name: INITRD, content: Buffer.concat([initrd.subarray(0, rest), name]) };
    }),
  );
}
