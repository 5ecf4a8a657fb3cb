import { copyFile } from 'node:fs/promises';

import { cacheKey } from '../../workstation/cache.ts';
import { type Board, BOARD_ARCH, distDir } from '../../workstation/paths.ts';
import { makeSbom } from '../formats/sbom.ts';
import { fingerprints, type Origin, Tree } from '../formats/tree.ts';
import { KIOS } from '../versions.ts';
import { artefactsIn, type BuiltImage, makeUnlessMade, replace } from './artefacts.ts';
import { PI_FILES } from './boot-file.ts';
import { buildIn, buildParts, type BuildRequest, sbomOfModules } from './build-image.ts';
import { makeDisk } from './disk.ts';
import { makeInitramfs } from './initramfs.ts';
import { FIRST_SYSTEM, piBootFiles } from './raspberry-pi.ts';
import { makeEarlyRoot, rootFile } from './root.ts';

export type BoardRequest = Omit<BuildRequest, 'arch' | 'board'> & { readonly board: Board };

const KIOS_ORIGIN: Origin = { name: 'kios', version: KIOS, kind: 'kios' };

/** Paths of the finished artefacts. */
export type BuiltBoardImage = Omit<BuiltImage, 'efi'>;

async function makeArtefacts(dist: string, request: BuildRequest): Promise<BuiltBoardImage> {
  const { progress } = request;
  const { efi: _, ...out } = artefactsIn(dist);
  const { base, root, files, inputs } = await buildParts(dist, request);
  const { kernel, init, time, tools, modules } = base;
  const boot = await progress.task('boot files', () => piBootFiles(kernel, progress));
  const key = cacheKey(...inputs, [...(await fingerprints(boot))]);
  await makeUnlessMade(dist, key, Object.values<string>({ ...out }), async () => {
    await progress.task('kios.img', async () => {
      const bytes = await makeInitramfs(makeEarlyRoot(kernel, init), rootFile(root));
      const medium = new Tree().graft('/', boot);
      medium.file(`${FIRST_SYSTEM}${PI_FILES.initramfs}`, 0o644, { bytes }, KIOS_ORIGIN);
      await makeDisk({ out: out.image, boot: medium, time, tools });
    });
    await copyFile(root, out.root);
    await copyFile(modules.file, out.modules);
    await progress.task('bills of materials', async () => {
      await replace(out.sbom, await makeSbom(`kios-${request.board}-${KIOS}`, [files, boot], time));
      await replace(out.modulesSbom, await sbomOfModules(base));
    });
  });
  return out;
}

/** Builds the disk image of a board whose own loader starts the kernel. Its root is that of the architecture. */
export async function buildBoardImage(request: BoardRequest): Promise<BuiltBoardImage> {
  const dist = request.out ?? distDir(request.board);
  const whole = { ...request, arch: BOARD_ARCH[request.board] };
  return buildIn(dist, whole, () => makeArtefacts(dist, whole));
}
