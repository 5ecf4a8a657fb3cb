/** Aliases of the network devices that the DHCP client waits for, and of their buses. */
const FIRST: readonly RegExp[] = [
  /^virtio:d00000001v/, // network card
  /^pci:v00001AF4d0000(1000|1041)/, // its PCI function, which loads the bus driver
  /^pci:.*bc02sc/, // network controllers on PCI
  /^(xen:vif|vmbus:635161f83edfc546913ff2d2f965ed0e)/, // network devices of Xen and Hyper-V
];
/** Aliases that many late modules match: processor features (KVM among them), input, sound. */
const LATE = /^(cpu|input|serio|hdaudio|snd):/;

/** Returns whether this device's drivers can wait until the boot is over. */
export const isLate = (alias: string): boolean => LATE.test(alias);

const rank = (alias: string): number => {
  const first = FIRST.findIndex((pattern) => pattern.test(alias));
  if (first >= 0) return first;
  return isLate(alias) ? FIRST.length + 1 : FIRST.length;
};

/** Returns whether a node's network may depend on this device. */
export const isUrgent = (alias: string): boolean => rank(alias) < FIRST.length;

/** Sorts aliases so that the network comes up first. */
export function byUrgency(aliases: Iterable<string>): string[] {
  return [...aliases]
    .map((alias) => ({ alias, rank: rank(alias) }))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ alias }) => alias);
}
