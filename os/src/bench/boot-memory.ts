import path from 'node:path';

import { buildImage } from '../build/image/build-image.ts';
import { DEFAULT_KERNEL, type KernelName } from '../build/kernel/kernel-name.ts';
import { MILESTONES } from '../lab/phases.ts';
import { openEmulator } from '../lab/qemu/emulator.ts';
import type { CommandContext } from '../workstation/command-context.ts';
import { ensurePackages } from '../workstation/packages.ts';
import { repository } from '../workstation/paths.ts';
import { formatTable } from '../workstation/terminal/table.ts';
import { measure } from './boot.ts';

/** A boot with one size of memory. Seconds count by the guest's clock from the start of its kernel. */
interface SizeResult {
  readonly memoryMiB: number;
  readonly kernelSeconds: number | undefined;
  readonly firstStaticPodSeconds: number;
}

interface SizeOptions {
  readonly json: boolean;
  readonly kernel?: KernelName | undefined;
  readonly sizesMiB: readonly number[];
}

/** `kios bench boot --memory`: how boot time grows with memory. */
export async function benchBootMemory(
  context: CommandContext,
  { json, kernel = DEFAULT_KERNEL, sizesMiB }: SizeOptions,
): Promise<void> {
  const { progress, print } = context;
  await ensurePackages(['build', 'machine'], progress);
  await openEmulator('amd64', progress);
  const out = path.join(repository, 'dist', `bench-${kernel}`);
  const { efi } = await buildImage({ arch: 'amd64', kernel, progress, out });
  const sizes: SizeResult[] = [];
  for (const memoryMiB of sizesMiB) {
    const title = `boot, kernel ${kernel}, ${memoryMiB} MiB`;
    const { seconds, phases } = await progress.task(title, () =>
      measure(context, { boot: ['-kernel', efi], memoryMiB, agent: 'dhcp' }),
    );
    sizes.push({
      memoryMiB,
      kernelSeconds: phases[MILESTONES.kernel.name],
      firstStaticPodSeconds: seconds,
    });
  }
  if (json) return print(JSON.stringify({ kernel, sizes }));
  const rows = sizes.map(({ memoryMiB, kernelSeconds, firstStaticPodSeconds }) => [
    String(memoryMiB),
    kernelSeconds?.toFixed(3) ?? '-',
    firstStaticPodSeconds.toFixed(3),
  ]);
  for (const line of formatTable([['MiB', 'guest s: kernel', 'first static pod'], ...rows]))
    print(line);
}
