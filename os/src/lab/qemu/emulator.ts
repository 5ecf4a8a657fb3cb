import path from 'node:path';

import { extract, fetchDebian } from '../../build/sources/debian/archive.ts';
import { commandIn, triplet } from '../../build/sources/debian/toolroot.ts';
import { workstationArch } from '../../workstation/arch.ts';
import type { Arch } from '../../workstation/paths.ts';
import { type Progress, silent } from '../../workstation/progress.ts';
import { type Firmware, PLATFORMS } from './platform.ts';

/** Libraries of QEMU and its data files. */
const LIBRARIES = [
  'qemu-system-common', 'qemu-system-data', 'seabios', 'libaio1t64', 'libatomic1', 'libblkid1', 'libbpf1', 'libc6', 'libcap2', 'libcapstone5',
  'libdaxctl1', 'libelf1t64', 'libfdt1', 'libffi8', 'libfuse3-4', 'libgcc-s1', 'libglib2.0-0t64', 'libgmp10',
  'libgnutls30t64', 'libhogweed6t64', 'libibverbs1', 'libidn2-0', 'libjpeg62-turbo', 'libkmod2', 'liblzma5',
  'libmount1', 'libndctl6', 'libnettle8t64', 'libnl-3-200', 'libnl-route-3-200', 'libnuma1', 'libp11-kit0',
  'libpcre2-8-0', 'libpixman-1-0', 'libpmem1', 'libpng16-16t64', 'librdmacm1t64', 'libsasl2-2', 'libseccomp2',
  'libselinux1', 'libslirp0', 'libssl3t64', 'libtasn1-6', 'libudev1', 'libunistring5', 'liburing2', 'libuuid1',
  'libvdeplug2t64', 'libzstd1', 'zlib1g',
]; // prettier-ignore

/** QEMU for one architecture. */
export interface Emulator {
  /** Its program, with the arguments that every start needs. */
  readonly command: readonly string[];
  readonly firmware: Firmware;
}

/**
 * Returns QEMU and its firmware, which come from the image's release, as the tools that make the image do. Debian 12's
 * QEMU 7.2 translates a page while another processor of the guest changes it: a guest of several processors then
 * panics in its network code now and then, when the first packet socket opens (mended in QEMU 8.1).
 */
export async function openEmulator(arch: Arch, progress: Progress = silent): Promise<Emulator> {
  const { program, packages, firmware } = PLATFORMS[arch];
  const wanted = { arch: workstationArch(), packages: [...packages, ...LIBRARIES], progress };
  const root = await extract(await fetchDebian(wanted));
  const share = path.join(root, 'usr/share');
  // Otherwise it finds those of a QEMU that is installed on the workstation, and refuses them.
  const modules = path.join(root, 'usr/lib', triplet(workstationArch()), 'qemu');
  const withModules = ['env', `QEMU_MODULE_DIR=${modules}`];
  const data = ['qemu', 'seabios'].flatMap((name) => ['-L', path.join(share, name)]);
  return {
    command: [...withModules, ...commandIn(root, `usr/bin/${program}`), ...data],
    firmware: {
      code: path.join(share, firmware.code),
      vars: path.join(share, firmware.vars),
      ...(firmware.secureCode === undefined
        ? {}
        : { secureCode: path.join(share, firmware.secureCode) }),
    },
  };
}
