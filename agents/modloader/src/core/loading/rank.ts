/** Aliases of network devices that the DHCP client waits for, and of the buses they sit on. */
const FIRST: readonly RegExp[] = [
  /^virtio:d00000001v/, // network card
  /^pci:v00001AF4d0000(1000|1041)/, // its PCI function; loads the bus driver
  /^pci:.*bc02sc/, // any network controller
  /^(xen:vif|vmbus:635161f83edfc546913ff2d2f965ed0e)/, // the same of Xen and Hyper-V
];
/** Matched by many modules that can wait: processor features (KVM among them), input, sound. */
const LATE = /^(cpu|input|serio|hdaudio|snd):/;

/** Whether the boot goes on as well without this device's drivers. */
export const isLate = (alias: string): boolean => LATE.test(alias);

const rank = (alias: string): number => {
  const first = FIRST.findIndex((pattern) => pattern.test(alias));
  if (first >= 0) return first;
  return isLate(alias) ? FIRST.length + 1 : FIRST.length;
};

/** Whether a node's network may hang on this device. */
export const isUrgent = (alias: string): boolean => rank(alias) < FIRST.length;

/** Orders aliases so that the network is there first. */
export function byUrgency(aliases: Iterable<string>): string[] {
  return [...aliases]
    .map((alias) => ({ alias, rank: rank(alias) }))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ alias }) => alias);
}
