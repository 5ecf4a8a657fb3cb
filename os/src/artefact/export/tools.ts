import { openTools, type Toolroot } from '../../build/sources/debian/toolroot.ts';
import type { Progress } from '../../workstation/progress.ts';

/** The programs that write disk formats, and their libraries. They come from the image's release, so that equal images
 * give equal bytes on every workstation. */
const PACKAGES = [
  'libc6', 'qemu-utils', 'xorriso',
  'libacl1', 'libaio1t64', 'libatomic1', 'libblkid1', 'libburn4t64', 'libbz2-1.0', 'libffi8', 'libfuse3-4', 'libglib2.0-0t64',
  'libgmp10', 'libgnutls30t64', 'libhogweed6t64', 'libidn2-0', 'libisoburn1t64', 'libisofs6t64', 'libjte2', 'libmount1',
  'libnettle8t64', 'libnuma1', 'libp11-kit0', 'libpcre2-8-0', 'libreadline8t64', 'libselinux1', 'libtasn1-6', 'libtinfo6',
  'libunistring5', 'liburing2', 'libzstd1', 'zlib1g',
]; // prettier-ignore

export type ExportTools = Toolroot<'usr/bin/qemu-img' | 'usr/bin/xorriso'>;

export const openExportTools = (progress: Progress): Promise<ExportTools> =>
  openTools(PACKAGES, progress);
