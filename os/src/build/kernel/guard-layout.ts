import { zstdDecompressSync } from 'node:zlib';

import { TypeInformation } from '../formats/btf.ts';
import { elfSection } from '../formats/elf.ts';

/** Functions of the kernel to which init attaches, and fields that its programs read (init/internal/traceguard). */
const FUNCTIONS = ['bpf_lsm_ptrace_access_check', 'bpf_lsm_file_open'];
const FIELDS = [
  'task_struct.tgid',
  'file.f_mode',
  'file.f_inode',
  'file.f_path',
  'inode.i_sb',
  'super_block.s_magic',
  'path.dentry',
  'dentry.d_iname',
];

/** Fields of the header of a kernel for x86 (Documentation/arch/x86/boot.rst of the kernel). */
const HEADER = { setupSectors: 0x1f1, payloadOffset: 0x248, payloadLength: 0x24c } as const;
const SECTOR = 512;
/** The length of the kernel proper is appended to it. */
const APPENDED = 4;

/** Returns the kernel proper, an ELF file, from a kernel for x86 that is compressed by zstd. */
function unpackKernel(image: Buffer): Buffer {
  const start =
    (image.readUInt8(HEADER.setupSectors) + 1) * SECTOR + image.readUInt32LE(HEADER.payloadOffset);
  const length = image.readUInt32LE(HEADER.payloadLength) - APPENDED;
  return zstdDecompressSync(image.subarray(start, start + length));
}

/** Returns what init's guard has to know of a kernel, from its type information (docs/host-api.md section 8). */
export function layoutOf(types: TypeInformation, version: string): string {
  const offsets = FIELDS.map((name) => {
    const [structure = '', field = ''] = name.split('.');
    return [name, types.offset(structure, field)] as const;
  });
  const functions = FUNCTIONS.map((name) => [name, types.function(name)] as const);
  return JSON.stringify({
    v: 1,
    kernel: version,
    functions: Object.fromEntries(functions),
    offsets: Object.fromEntries(offsets),
  });
}

/** Returns the same from a kernel for x86 as a file. */
export function guardLayout(image: Buffer, version: string): string {
  const section = elfSection(unpackKernel(image), '.BTF');
  if (section === undefined) throw new Error(`the kernel ${version} has no type information`);
  return layoutOf(new TypeInformation(section), version);
}
