/** `kios` is built for nodes; `debian` is Debian's kernel for clouds. */
export const KERNELS = ['kios', 'debian'] as const;
export type KernelName = (typeof KERNELS)[number];

/** The kernel of a node unless another is chosen. */
export const DEFAULT_KERNEL: KernelName = 'kios';
