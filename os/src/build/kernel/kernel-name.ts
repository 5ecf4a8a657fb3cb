/** Ours, built for nodes, or the one that Debian ships for clouds. */
export const KERNELS = ['kios', 'debian'] as const;
export type KernelName = (typeof KERNELS)[number];

/** What a node boots unless asked otherwise. */
export const DEFAULT_KERNEL: KernelName = 'kios';
