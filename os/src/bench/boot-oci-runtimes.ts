import { DEFAULT_KERNEL, type KernelName } from '../build/kernel/kernel-name.ts';
import { openEmulator } from '../lab/qemu/emulator.ts';
import type { CommandContext } from '../workstation/command-context.ts';
import { ensurePackages } from '../workstation/packages.ts';
import { formatTable } from '../workstation/terminal/table.ts';
import { benchKernel, type KernelResult, resultRows } from './boot.ts';

interface OciRuntimesOptions {
  readonly json: boolean;
  readonly kernel?: KernelName | undefined;
}

type Times = Pick<KernelResult, 'firstStaticPodSeconds' | 'singlePodSeconds'>;

/** Says what a node with crun saves of the seconds of one with runc; a loss is negative. */
export function savedBy(crun: Times, runc: Times): string {
  const saved = (name: keyof Times): string => (runc[name] - crun[name]).toFixed(3);
  return `crun saves ${saved('firstStaticPodSeconds')} s until the first static pod, ${saved('singlePodSeconds')} s of a single pod`;
}

/** `kios bench boot --crun`: the same image with runc, and with Debian's crun in its place. */
export async function benchOciRuntimes(
  context: CommandContext,
  { json, kernel = DEFAULT_KERNEL }: OciRuntimesOptions,
): Promise<void> {
  const { progress, print } = context;
  await ensurePackages(['build', 'machine'], progress);
  await openEmulator('amd64', progress);
  const runc = (await benchKernel(kernel, context)).result;
  const crun = (await benchKernel(kernel, context, 'crun')).result;
  if (json) return print(JSON.stringify({ kernel, runc, crun }));
  for (const line of formatTable(resultRows({ runc, crun }))) print(line);
  print('');
  print(savedBy(crun, runc));
}
