import { DEFAULT_KERNEL, KERNELS } from '../../build/kernel/kernel-name.ts';

/** `--kernel`, for the commands that build an image. */
export const kernelOption = {
  choices: KERNELS,
  default: DEFAULT_KERNEL,
  describe: 'kios: our own, built for nodes; debian: the one Debian ships for clouds',
} as const;
