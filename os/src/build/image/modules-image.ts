import { fileSha256 } from '../../workstation/digest.ts';
import type { Arch } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { Tree } from '../formats/tree.ts';
import type { Kernel } from '../kernel/open-kernel.ts';
import type { FirmwareName } from '../sources/debian/firmware-names.ts';
import { fetchFirmware } from '../sources/debian/firmware.ts';
import type { Toolroot } from '../sources/debian/toolroot.ts';
import { makeErofs } from './erofs.ts';
import { firmwareOf, firmwareTree, type Microcode, microcodeOf } from './firmware.ts';
import { addFolder } from './stored-files.ts';

/** Name of the file in `dist/<arch>`, and of the one that a node looks for. */
export const MODULES_IMAGE = 'modules.erofs';

/** The section of the EFI file that says which modules.erofs belongs to it, for the workstation. */
export const MODULES_SECTION = '.modules';

/** All modules of a kernel as one file system, which a node mounts over those of its root. */
export interface ModulesImage {
  readonly file: string;
  readonly sha256: string;
  readonly tree: Tree;
}

type ModulesOf = Pick<Kernel, 'version' | 'allModules' | 'origin'>;

/**
 * Makes modules.erofs. It has no time of its own, so that two builds with one kernel and the same firmware have the
 * same file: a new kios.efi then needs no new one.
 */
export async function makeModulesImage(
  { version, allModules, origin }: ModulesOf,
  firmware: Tree,
  tools: Toolroot,
  progress: Progress,
): Promise<ModulesImage> {
  const tree = new Tree();
  await addFolder(tree, `/lib/modules/${version}`, allModules, origin);
  tree.graft('/', firmware);
  const file = await makeErofs({ tree, time: 0, tools, progress, name: MODULES_IMAGE });
  return { file, sha256: await fileSha256(file), tree };
}

export interface FirmwareRequest {
  readonly arch: Arch;
  readonly kernel: ModulesOf;
  readonly names: readonly FirmwareName[];
  readonly tools: Toolroot;
  readonly progress: Progress;
}

/** Fetches the firmware of these names, and makes modules.erofs and the microcode with it. */
export async function withFirmware({
  arch,
  kernel,
  names,
  tools,
  progress,
}: FirmwareRequest): Promise<{
  readonly modules: ModulesImage;
  readonly microcode: Microcode | undefined;
}> {
  const packages = await fetchFirmware(names, arch, progress);
  const wanted = names.length === 0 ? [] : await firmwareOf(kernel.allModules, tools);
  const files = await firmwareTree(packages, new Set(wanted), progress);
  return {
    modules: await makeModulesImage(kernel, files, tools, progress),
    microcode: await microcodeOf(packages),
  };
}
