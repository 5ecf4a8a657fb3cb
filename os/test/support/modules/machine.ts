/** What a device must have on the node, as `watch-devices` reports it. */
interface Driven {
  readonly driver: string;
  /** Absent when the driver is built in. */
  readonly module?: string;
  readonly shows: readonly ('net' | 'block')[];
}

interface Device {
  /** Pattern of its alias. */
  readonly alias: RegExp;
  readonly has: Driven;
}

/** A driver of one name with its module. */
const loaded = (driver: string, ...shows: Driven['shows'][number][]): Driven => ({
  driver,
  module: driver.replaceAll('-', '_'),
  shows,
});
const builtIn = (driver: string, ...shows: Driven['shows'][number][]): Driven => ({
  driver,
  shows,
});

/** The devices of the machine from its start, by QEMU's name. */
export const AT_BOOT = {
  'virtio-net': { alias: /^virtio:d00000001v/, has: builtIn('virtio_net', 'net') },
  e1000e: { alias: /^pci:v00008086d000010D3/, has: loaded('e1000e', 'net') },
  igb: { alias: /^pci:v00008086d000010C9/, has: loaded('igb', 'net') },
  rtl8139: { alias: /^pci:v000010ECd00008139/, has: loaded('8139cp', 'net') },
  nvme: { alias: /^pci:.*bc01sc08i02$/, has: builtIn('nvme', 'block') },
  ahci: { alias: /^pci:.*bc01sc06i01$/, has: builtIn('ahci', 'block') },
  'usb-storage': { alias: /^usb:v46F4p0001/, has: loaded('usb-storage', 'block') },
  'usb-net': { alias: /^usb:v0525pA4A2.*ic02/, has: loaded('cdc_ether', 'net') },
  'virtio-rng': { alias: /^virtio:d00000004v/, has: builtIn('virtio_rng') },
  i6300esb: { alias: /^pci:v00008086d000025AB/, has: builtIn('i6300ESB timer') },
} as const satisfies Readonly<Record<string, Device>>;

/**
 * A card reader whose driver needs a module that the policy denies. It comes later: init, which knows no policy, loads
 * the drivers of what the data partition may be on.
 */
export const DENIED = {
  policy: 'deny: [cqhci]\n',
  module: 'cqhci',
  dependent: 'sdhci_pci',
  alias: /^pci:v00001B36d00000007/,
} as const;

/** A card and a disk that are plugged in and out; no device before them has their drivers. */
export const LATE = {
  e1000: { alias: /^pci:v00008086d0000100E/, has: loaded('e1000', 'net') },
  megasas: { alias: /^pci:v00001000d00000079/, has: loaded('megaraid_sas', 'block') },
} as const satisfies Readonly<Record<string, Device>>;

/** What the loader loads for them. */
export const LATE_MODULES = Object.values(LATE).map(({ has }) => has.module ?? '');

/** Has no driver on a node: it only says that the next devices are a crowd. */
export const ARMS = /^usb:v0627p0001/;

/** Plugged in together, so that the loader has more to do when it is killed. */
export const CROWD = {
  'usb-ehci': { alias: /^pci:.*bc0Csc03i20$/, has: loaded('ehci-pci') },
  i82550: { alias: /^pci:v00008086d00001209/, has: loaded('e100', 'net') },
} as const satisfies Readonly<Record<string, Device>>;

export const DEVICES: Readonly<Record<string, { readonly alias: RegExp }>> = {
  ...AT_BOOT,
  'sdhci-pci': DENIED,
  ...LATE,
  ...CROWD,
};

/** The state of each device, as `watch-devices` reports it. */
export const statesOf = (devices: Readonly<Record<string, Device>>): Record<string, Driven> =>
  Object.fromEntries(Object.entries(devices).map(([name, { has }]) => [name, has]));

/** Properties of QEMU's devices that are plugged in. */
export const PLUGS = {
  card: { driver: 'e1000', id: 'late-card', netdev: 'late0', bus: 'slot0', romfile: '' },
  sameCard: { driver: 'e1000', id: 'same-card', netdev: 'late0', bus: 'slot0', romfile: '' },
  controller: { driver: 'megasas-gen2', id: 'late-raid', bus: 'slot1', romfile: '' },
  disk: { driver: 'scsi-hd', id: 'late-disk', drive: 'late', bus: 'late-raid.0' },
  reader: { driver: 'sdhci-pci', id: 'late-reader', bus: 'slot4' },
  arming: { driver: 'usb-tablet', id: 'arming', bus: 'usb.0' },
  crowd: [
    { driver: 'usb-ehci', id: 'crowd-usb', bus: 'slot2' },
    { driver: 'i82550', id: 'crowd-card', netdev: 'late1', bus: 'slot3', romfile: '' },
  ],
} as const;

/** A disk without content, of a size of its own. */
const disk = (id: string, size: string): string =>
  `-drive if=none,id=${id},driver=null-co,size=${size},read-zeroes=on`;

/** A cable of a hub that has no server. */
const cable = (id: string): string => `-netdev hubport,id=${id},hubid=7`;

/** Arguments of QEMU for the devices, and for the slots, cables and disks of those that come later. */
export const ARGUMENTS: readonly string[] = [
  ...['e1000e', 'igb', 'rtl8139'].flatMap((card) => [
    cable(card),
    `-device ${card},netdev=${card},romfile=`,
  ]),
  disk('nvme', '64M'),
  '-device nvme,drive=nvme,serial=nvme',
  disk('ahci', '65M'),
  '-device ide-hd,drive=ahci',
  '-device qemu-xhci,id=usb',
  disk('stick', '66M'),
  '-device usb-storage,bus=usb.0,drive=stick',
  cable('usb-net'),
  '-device usb-net,bus=usb.0,netdev=usb-net',
  '-device i6300esb',
  ...[0, 1, 2, 3, 4].map((slot) => `-device pcie-root-port,id=slot${slot},chassis=${slot + 1}`),
  cable('late0'),
  cable('late1'),
  disk('late', '67M'),
];
