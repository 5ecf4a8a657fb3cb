/** How a device shows that its driver works. */
type Shows = 'net' | 'block' | 'watchdog' | 'none';

/** A device of the machine, and what it must have on the node. */
export interface Device {
  readonly name: string;
  /** Pattern of its alias; no other device of the machine matches it. */
  readonly alias: RegExp;
  readonly driver: RegExp;
  /** The module of the driver; undefined of one that the kernel has built in. */
  readonly module?: RegExp;
  readonly shows: Shows;
}

const disk = (id: string, bytes: string): string =>
  `-drive if=none,id=${id},driver=null-co,size=${bytes},read-zeroes=on`;

/** A card with a link and nobody at its other end. */
const card = (id: string, device: string): string[] => [
  `-netdev hubport,id=${id},hubid=7`,
  `-device ${device},netdev=${id}`,
];

/** What the machine has from the start besides its disk and its working card. */
export const AT_BOOT: readonly string[] = [
  ...card('e1000e', 'e1000e,romfile='),
  ...card('igb', 'igb,romfile='),
  ...card('rtl8139', 'rtl8139,romfile='),
  disk('nvme', '64M'),
  '-device nvme,drive=nvme,serial=nvme',
  disk('ahci', '65M'),
  '-device ide-hd,drive=ahci',
  '-device qemu-xhci,id=usb',
  disk('stick', '66M'),
  '-device usb-storage,bus=usb.0,drive=stick',
  ...card('usb', 'usb-net,bus=usb.0'),
  '-device i6300esb',
  // Slots and cables of what is plugged in later.
  ...['slot0', 'slot1', 'slot2', 'slot3', 'slot4'].map(
    (id, index) => `-device pcie-root-port,id=${id},chassis=${index + 1}`,
  ),
  '-netdev hubport,id=late0,hubid=7',
  '-netdev hubport,id=late1,hubid=7',
  disk('late', '67M'),
];

export const DEVICES: readonly Device[] = [
  { name: 'virtio-net', alias: /^virtio:d00000001v/, driver: /^virtio_net$/, shows: 'net' },
  {
    name: 'e1000e',
    alias: /^pci:v00008086d000010D3/,
    driver: /^e1000e$/,
    module: /^e1000e$/,
    shows: 'net',
  },
  { name: 'igb', alias: /^pci:v00008086d000010C9/, driver: /^igb$/, module: /^igb$/, shows: 'net' },
  {
    name: 'rtl8139',
    alias: /^pci:v000010ECd00008139/,
    driver: /^8139cp$/,
    module: /^8139cp$/,
    shows: 'net',
  },
  { name: 'nvme', alias: /^pci:.*bc01sc08i02$/, driver: /^nvme$/, shows: 'block' },
  { name: 'ahci', alias: /^pci:.*bc01sc06i01$/, driver: /^ahci$/, shows: 'block' },
  {
    name: 'usb-storage',
    alias: /^usb:v46F4p0001/,
    driver: /^usb-storage$/,
    module: /^usb_storage$/,
    shows: 'block',
  },
  {
    name: 'usb-net',
    alias: /^usb:v0525pA4A2.*ic02/,
    driver: /^(cdc_ether|rndis_host)$/,
    module: /^(cdc_ether|rndis_host)$/,
    shows: 'net',
  },
  { name: 'virtio-rng', alias: /^virtio:d00000004v/, driver: /^virtio_rng/, shows: 'none' },
  {
    name: 'i6300esb',
    alias: /^pci:v00008086d000025AB/,
    driver: /^i6300/,
    module: /^i6300esb$/,
    shows: 'watchdog',
  },
];

/** Plugged in and out while the node runs: a card and a disk whose drivers no device before them needed. */
export const LATE_CARD = { driver: 'e1000', id: 'late-card', netdev: 'late0', bus: 'slot0', romfile: '' }; // prettier-ignore
export const LATE_CONTROLLER = { driver: 'megasas-gen2', id: 'late-raid', bus: 'slot1', romfile: '' }; // prettier-ignore
export const LATE_DISK = { driver: 'scsi-hd', id: 'late-disk', drive: 'late', bus: 'late-raid.0' };
export const LATE: Readonly<Record<'card' | 'controller', Device>> = {
  card: {
    name: 'e1000',
    alias: /^pci:v00008086d0000100E/,
    driver: /^e1000$/,
    module: /^e1000$/,
    shows: 'net',
  },
  controller: {
    name: 'megasas',
    alias: /^pci:v00001000d0000005B/,
    driver: /^megaraid_sas$/,
    module: /^megaraid_sas$/,
    shows: 'block',
  },
};

/** A card reader whose driver needs a module that the node's policy denies. */
export const DENIED = {
  policy: 'deny: [cqhci]\n',
  module: 'cqhci',
  dependent: 'sdhci_pci',
  plugged: { driver: 'sdhci-pci', id: 'late-reader', bus: 'slot2' },
  alias: /^pci:v00001B36d00000007/,
} as const;

/** Plugged in together, so that the loader has work when it is killed during the first load. */
export const CROWD = [
  { driver: 'usb-ehci', id: 'crowd-usb', bus: 'slot3' },
  { driver: 'i82550', id: 'crowd-card', netdev: 'late1', bus: 'slot4', romfile: '' },
] as const;
export const CROWD_DEVICES: readonly Device[] = [
  {
    name: 'usb-ehci',
    alias: /^pci:.*bc0Csc03i20$/,
    driver: /^ehci-pci$/,
    module: /^ehci_pci$/,
    shows: 'none',
  },
  {
    name: 'i82550',
    alias: /^pci:v00008086d00001209/,
    driver: /^e100$/,
    module: /^e100$/,
    shows: 'net',
  },
];
