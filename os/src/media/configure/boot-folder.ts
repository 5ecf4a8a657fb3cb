/**
 * The names that count in the folder `kios` of the EFI system partition, and NoCloud's at its top.
 * `packages/host-api/vectors/boot-folder.json` holds the same for init.
 */
export const BOOT_FOLDER = {
  files: [
    'README.txt',
    'bootstrap.yaml',
    'bootstrap.yaml.example',
    'cmdline.txt',
    'dhcp.yaml',
    'encrypt',
    'modules.erofs',
    'network.yaml',
    'recovery-key',
    'sysctl.conf',
    'token',
  ],
  folders: { images: ['.tar'], manifests: ['.yaml', '.yml', '.json', '.manifest'] },
  noCloud: ['meta-data', 'user-data', 'network-config'],
} as const;

/** Folder of the partition that is for people. */
export const FOLDER = 'kios';
export const MANIFESTS = `${FOLDER}/manifests`;
export const IMAGES = `${FOLDER}/images`;
export const DOCUMENT = `${FOLDER}/bootstrap.yaml`;
export const ARGUMENTS = `${FOLDER}/cmdline.txt`;
/** Where systemd's stub looks for addons, whatever the name of the file that it is in. */
export const ADDONS = 'loader/addons';
export const ADDON = `${ADDONS}/kios.addon.efi`;
export const MODULES = `${FOLDER}/modules.erofs`;
/** The network file. */
export const NETWORK = `${FOLDER}/network.yaml`;
/** NoCloud's, at the top of the partition; it counts where there is no other. */
export const NO_CLOUD_NETWORK = 'network-config';
/** Settings of the kernel. */
export const SYSCTLS = `${FOLDER}/sysctl.conf`;
/** Asks for encryption of a data partition that was never used. */
export const ENCRYPT = `${FOLDER}/encrypt`;
/** Opens an encrypted data partition once, where the TPM does not; init removes it. */
export const RECOVERY_KEY = `${FOLDER}/recovery-key`;
/** Settings of the DHCP client for single network cards. */
export const DHCP = `${FOLDER}/dhcp.yaml`;

const ENDINGS: readonly (readonly [string, readonly string[]])[] = Object.entries(
  BOOT_FOLDER.folders,
);

/** Returns whether a node reads a file, by its path on the partition. FAT does not tell cases apart. */
export function isKnown(file: string): boolean {
  const [top = '', name, inside, deeper] = file.toLowerCase().split('/');
  if (top !== FOLDER || name === undefined) return name === undefined;
  if (deeper !== undefined) return false;
  if (name.startsWith('.') || inside?.startsWith('.') === true) return true;
  if (inside === undefined) return BOOT_FOLDER.files.some((known) => known.toLowerCase() === name);
  return ENDINGS.some(
    ([folder, ends]) => folder === name && ends.some((end) => inside.endsWith(end)),
  );
}
