import path from 'node:path';

import type { BuiltImage } from '../../build/image/artefacts.ts';
import { buildImage } from '../../build/image/build-image.ts';
import { openEmulator } from '../../lab/qemu/emulator.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { ensurePackages } from '../../workstation/packages.ts';
import { repository } from '../../workstation/paths.ts';
import { ensureSpace } from '../../workstation/space.ts';
import { type Baseline, buildBaseline } from '../baseline.ts';

const once = <T>(make: () => Promise<T>): (() => Promise<T>) => {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
};

/** What the steps of all series share: images, which are built when the first step needs them. */
export interface Rig {
  readonly context: CommandContext;
  /** The image that ships. */
  readonly shipped: () => Promise<BuiltImage>;
  /** The image with the trivial pod of `bench/manifests` alone. */
  readonly single: () => Promise<BuiltImage>;
  /** Debian with the same kubelet, containerd and pod. */
  readonly baseline: () => Promise<Baseline>;
}

export function openRig(context: CommandContext): Rig {
  const { progress } = context;
  const out = path.join(repository, 'dist', 'bench-kios');
  const prepare = once(async () => {
    await ensureSpace();
    await ensurePackages(['build', 'machine'], progress);
    await openEmulator('amd64', progress);
  });
  const build = (folder: string, manifests?: string) =>
    once(async () => {
      await prepare();
      const request = { arch: 'amd64', kernel: 'kios', progress, out: folder } as const;
      return buildImage(manifests === undefined ? request : { ...request, manifests });
    });
  const single = build(path.join(out, 'single'), path.join(repository, 'bench', 'manifests'));
  return {
    context,
    shipped: build(out),
    single,
    baseline: once(async () => {
      await prepare();
      await ensurePackages(['baseline'], progress);
      return buildBaseline((await single()).root, progress);
    }),
  };
}
