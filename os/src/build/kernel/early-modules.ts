import { loadOrder, type ModuleIndex } from './module-index.ts';

/**
 * The modules that init itself loads because the root, the data partition or the seed volume needs them. The modloader
 * loads everything else. Format of the table: docs/host-api.md section 8.
 */

/** Loaded first on any hardware: the root's file system, and overlay for /etc and every container. */
const ALWAYS = ['erofs', 'overlay'];

/** Loaded before a file system of this name is mounted. */
const FILE_SYSTEMS = {
  ext4: ['ext4'],
  vfat: ['vfat', 'nls_cp437', 'nls_ascii', 'nls_iso8859_1', 'nls_utf8'],
  iso9660: ['isofs'],
  udf: ['udf'],
  // Init reads there which partition the machine was booted from.
  efivarfs: ['efivarfs'],
  // The TPM has the key of such a volume.
  crypto_LUKS: ['tpm_tis', 'tpm_crb'],
};

/** Drivers of disks and of their buses; loaded only for a device that needs them. Each is part of the root. */
export const STORAGE = [
  'virtio_pci', 'virtio_mmio', 'virtio_blk', 'virtio_scsi', 'hv_vmbus', 'hv_storvsc', 'xen_blkfront', 'vmw_pvscsi', 'mptspi',
  'sd_mod', 'sr_mod', 'nvme', 'vmd', 'ahci', 'ahci_platform', 'ata_piix',
  'megaraid_sas', 'mpt3sas', 'mpi3mr', 'smartpqi', 'hpsa', 'aacraid',
  'xhci_pci', 'xhci_plat_hcd', 'ehci_pci', 'dwc2', 'usb_storage', 'uas',
  'sdhci_pci', 'sdhci_acpi', 'sdhci_iproc', 'bcm2835', 'rtsx_pci', 'rtsx_pci_sdmmc', 'mmc_block',
]; // prettier-ignore

/** erofs takes its checksum from any crypto driver that is loaded, and does not load without one. */
const SOFT: Readonly<Record<string, readonly string[]>> = {
  erofs: ['crc32c_intel', 'crc32c_generic', 'libcrc32c'],
};

export interface EarlyModules {
  /** Text of the table. */
  readonly table: string;
  /** Files that are loaded before there is a root, relative to the modules' folder. */
  readonly beforeRoot: readonly string[];
}

/** Plans init's table for one kernel. */
export function planEarlyModules(index: ModuleIndex): EarlyModules {
  const rules: [rule: string, files: readonly string[]][] = [];
  const always = ALWAYS.flatMap((name) => [...(SOFT[name] ?? []), name]);
  const beforeRoot = loadOrder(index, always);
  rules.push(['always', beforeRoot]);
  for (const [name, modules] of Object.entries(FILE_SYSTEMS))
    rules.push([`fs ${name}`, loadOrder(index, modules)]);
  const storage = new Set(STORAGE.filter((name) => index.files.has(name)));
  for (const { pattern, module } of index.aliases)
    if (storage.has(module)) rules.push([`alias ${pattern}`, loadOrder(index, [module])]);
  const used = rules.filter(([, files]) => files.length > 0);
  return {
    table: used.map(([rule, files]) => `${[rule, ...files].join(' ')}\n`).join(''),
    beforeRoot: beforeRoot.toSorted(),
  };
}
