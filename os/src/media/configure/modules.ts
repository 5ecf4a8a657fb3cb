import { readSections } from '../../build/formats/uki.ts';
import { MODULES_SECTION } from '../../build/image/modules-image.ts';

/**
 * Returns why a node with this EFI file refuses a file with this SHA-256 as its modules.erofs; undefined when it does
 * not. The root has the digest too, which is what init reads.
 */
export function foreignModules(sha256: string, efi: Buffer | undefined): string | undefined {
  if (efi === undefined) return 'it has no file that firmware starts';
  const section = readSections(efi).find(({ name }) => name === MODULES_SECTION);
  if (section === undefined) return 'its EFI file is older than modules.erofs';
  const wanted = Buffer.from(section.content).toString('latin1');
  return sha256 === wanted ? undefined : 'its EFI file is of another build';
}
