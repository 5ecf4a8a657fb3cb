import { DEFAULT_KERNEL, KERNELS } from '../../build/kernel/kernel-name.ts';

/** The flag `--kernel` of the commands that build an image. */
export const kernelOption = {
  choices: KERNELS,
  default: DEFAULT_KERNEL,
  describe: 'Kernel of the node: kios is built for nodes, debian is Debian’s kernel for clouds',
} as const;
