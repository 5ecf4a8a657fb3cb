import path from 'node:path';

import type { Cli } from '../commands/cli.ts';
import { ensurePackages } from '../host/packages.ts';
import type { Arch } from '../host/paths.ts';
import { ensureSpace } from '../host/space.ts';
import { readChoice } from '../image/bootstrap-choice.ts';
import { buildImage } from '../image/build.ts';
import type { KernelName } from '../image/kernel-name.ts';
import { formatTable } from '../terminal/table.ts';
import { buildUpstream } from '../upstream/build.ts';
import { cniPlugins, NODE_PROGRAMS } from '../upstream/components.ts';

export interface BuildOptions {
  readonly arch: Arch;
  readonly kernel: KernelName;
  readonly only: 'host' | 'image' | undefined;
  readonly bootstrap: string | undefined;
}

/** The programs that run on a node, upstream's and unpatched. */
async function buildHost({ print, progress }: Cli, arch: Arch): Promise<void> {
  const built = await buildUpstream([...NODE_PROGRAMS, ...(await cniPlugins())], arch, progress);
  const rows = [...built].map(([name, { version, path: file }]) => [name, version, file]);
  for (const line of formatTable(rows)) print(line);
}

/** `kios build`. */
export async function build(cli: Cli, options: BuildOptions): Promise<void> {
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
