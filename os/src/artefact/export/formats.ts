/** The formats of `kios export`, each with the suffix of its main file and where it is used. */
export const FORMATS = {
  'raw.zst': { suffix: '.img.zst', use: 'Hetzner’s rescue system, a disk, AWS' },
  qcow2: { suffix: '.qcow2', use: 'OpenStack, Proxmox, libvirt' },
  vhd: { suffix: '.vhd', use: 'Azure' },
  vhdx: { suffix: '.vhdx', use: 'Hyper-V' },
  vmdk: { suffix: '.vmdk', use: 'VMware, with an OVF' },
  gce: { suffix: '-gce.tar.gz', use: 'Google Compute Engine' },
  iso: { suffix: '.iso', use: 'virtual CD drives and USB sticks; the node runs from RAM' },
  pxe: { suffix: '-netboot', use: 'UEFI HTTP boot, PXE; the node runs from RAM' },
  'os-list': { suffix: '.img.zst', use: 'Raspberry Pi Imager' },
} as const;

export type FormatName = keyof typeof FORMATS;

/** The formats that fit a board: it starts from media only, and an image for it starts nothing else. */
export const BOARD_FORMATS: readonly FormatName[] = ['raw.zst', 'os-list'];

const isFormat = (name: string): name is FormatName => name in FORMATS;

export const FORMAT_NAMES: readonly FormatName[] = Object.keys(FORMATS).filter(isFormat);
