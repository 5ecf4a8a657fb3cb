import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';

import { cached, cacheKey } from '../../../workstation/cache.ts';
import { fileSha256 } from '../../../workstation/digest.ts';
import type { Arch } from '../../../workstation/paths.ts';
import type { Progress } from '../../../workstation/progress.ts';
import { run } from '../../../workstation/run.ts';
import type { BuiltProgram } from './build.ts';
import { COMPONENTS, componentDir, readGoMod } from './components.ts';
import { ensureGo } from './go-toolchain.ts';
import { prepareC } from './sysroot.ts';

const Download = v.object({ Dir: v.string() });

/** Builds Kubernetes' pause program, a C file in its Go module. It holds a pod's namespaces and reaps its orphans. */
export async function buildPause(arch: Arch, progress: Progress): Promise<BuiltProgram> {
  const kubernetes = COMPONENTS.find((component) => component.dir === 'kubernetes')!;
  const go = await ensureGo(progress);
  const module = kubernetes.module;
  const cwd = componentDir(kubernetes);
  // Prints the module's folder, after fetching the module when nothing has been built yet.
  const download = await run(go, ['mod', 'download', '-json', module], { cwd });
  const { Dir } = v.parse(Download, JSON.parse(download));
  const source = path.join(Dir, 'build/pause/linux/pause.c');
  const version = (await readGoMod(kubernetes)).versions.get(module)!;
  const { env, identity } = await prepareC(arch, progress);
  const words = ['CC', 'CGO_CFLAGS', 'CGO_LDFLAGS'].flatMap((name) => env[name]!.split(' '));
  const [cc = '', ...flags] = words.filter((word) => word !== '-lseccomp');
  const settings = ['-Os', '-static', '-s', '-Wl,--build-id=none', `-DVERSION=${version}`];
  const key = cacheKey(await readFile(source, 'utf8'), identity, settings, arch);
  const dir = await cached('upstream', `pause-${arch}-${key}`, async (into) => {
    await run(cc, [...flags, ...settings, '-o', path.join(into, 'pause'), source]);
  });
  const file = path.join(dir, 'pause');
  return { path: file, sha256: await fileSha256(file), version, module };
}
