/** What a person can choose: a package of Debian's non-free firmware and the devices that need it. */
export interface FirmwareChoice {
  readonly package: string;
  readonly use: string;
  /** Where the files are microcode: the folder with them, and the file that the kernel looks for at its start. */
  readonly microcode?: { readonly folder: string; readonly file: string };
}

/**
 * Firmware by the names of `--firmware`. None of it is free. Names and content are those of Debian's archive
 * `non-free-firmware`, without what only desktops have.
 */
export const FIRMWARE = {
  'amd-microcode': {
    package: 'amd64-microcode',
    use: 'AMD processors',
    microcode: { folder: 'amd-ucode', file: 'AuthenticAMD.bin' },
  },
  bnx2: { package: 'firmware-bnx2', use: 'Broadcom NetXtreme II, 1 Gbit/s' },
  bnx2x: { package: 'firmware-bnx2x', use: 'Broadcom NetXtreme II, 10 Gbit/s' },
  intel: { package: 'firmware-intel-misc', use: 'Intel E810 (ice)' },
  'intel-microcode': {
    package: 'intel-microcode',
    use: 'Intel processors; makes kios.efi 22 MB larger',
    microcode: { folder: 'intel-ucode', file: 'GenuineIntel.bin' },
  },
  misc: { package: 'firmware-misc-nonfree', use: 'Broadcom tg3, Chelsio, Intel e100 and others' },
  qlogic: {
    package: 'firmware-qlogic',
    use: 'QLogic network cards (qed) and fibre channel (qla2xxx)',
  },
  realtek: { package: 'firmware-realtek', use: 'Realtek network cards (r8169, r8152)' },
} as const satisfies Readonly<Record<string, FirmwareChoice>>;

export type FirmwareName = keyof typeof FIRMWARE;

export const isFirmwareName = (name: string): name is FirmwareName => Object.hasOwn(FIRMWARE, name);

export const FIRMWARE_NAMES: readonly FirmwareName[] = Object.keys(FIRMWARE).filter(isFirmwareName);
