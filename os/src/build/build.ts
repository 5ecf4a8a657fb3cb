import path from 'node:path';

import type { CommandContext } from '../workstation/command-context.ts';
import { ensurePackages } from '../workstation/packages.ts';
import type { Arch } from '../workstation/paths.ts';
import { ensureSpace } from '../workstation/space.ts';
import { formatTable } from '../workstation/terminal/table.ts';
import { buildImage } from './image/build-image.ts';
import type { KernelName } from './kernel/kernel-name.ts';
import { readChoice } from './manifests/bootstrap-choice.ts';
import { buildUpstream } from './sources/upstream/build.ts';
import { cniPlugins, NODE_PROGRAMS } from './sources/upstream/components.ts';

export interface BuildOptions {
  readonly arch: Arch;
  readonly kernel: KernelName;
  readonly only: 'host' | 'image' | undefined;
  readonly bootstrap: string | undefined;
}

/** The programs that run on a node, upstream's and unpatched. */
async function buildHost({ print, progress }: CommandContext, arch: Arch): Promise<void> {
  const built = await buildUpstream([...NODE_PROGRAMS, ...(await cniPlugins())], arch, progress);
  const rows = [...built].map(([name, { version, path: file }]) => [name, version, file]);
  for (const line of formatTable(rows)) print(line);
}

/** `kios build`. */
export async function build(cli: CommandContext, options: BuildOptions): Promise<void> {
  const { arch, kernel, only, bootstrap } = options;
  const choice = bootstrap === undefined ? {} : { bootstrap: readChoice(bootstrap) };
  await ensureSpace();
  await ensurePackages(['build'], cli.progress);
  if (only === 'host') {
    await buildHost(cli, arch);
    return;
  }
  const { efi, image, root, sbom } = await buildImage({
    arch,
    kernel,
    progress: cli.progress,
    ...choice,
  });
  for (const file of [efi, image, root, sbom]) cli.print(path.relative(process.cwd(), file));
}
