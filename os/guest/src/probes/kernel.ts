import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';

import { returns, callHelper, loadProgram } from '../bpf.ts';
import { call } from '../call.ts';
import { mounted } from '../mount.ts';
import { HOST, type Probes, SCRATCH, textOf } from './probe.ts';

const CHARACTER_DEVICE = 0o020600;
const PROGRAM_TYPE_TRACEPOINT = 5;
const HELPER = { probeWriteUser: 36, overrideReturn: 58 } as const;
const KEYRING = '.builtin_trusted_keys';

/** Opens and reads a character device through a device node of its own. */
function readDevice(major: number, minor: number): void {
  const node = `/dev/kios-probe`;
  call('mknod', node, CHARACTER_DEVICE, major * 256 + minor);
  try {
    const fd = openSync(node, 'r');
    readSync(fd, Buffer.alloc(8), 0, 8, 0);
    closeSync(fd);
  } finally {
    rmSync(node);
  }
}

/** The Enter key, which the power button, an input device too, does not have. */
const ENTER = 1n << 28n;

/** Looks at the keys of each input device: a bit map in words of 64 bits, the lowest keys last. */
function findKeyboard(): string {
  const maps = textOf('/proc/bus/input/devices').matchAll(/^B: KEY=(?:.* )?([0-9a-f]+)$/gm);
  return [...maps].some(([, keys]) => (BigInt(`0x${keys}`) & ENTER) !== 0n) ? 'found' : 'none';
}

/** An ELF header without contents, which carries no signature. */
const UNSIGNED_MODULE = Buffer.concat([
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]),
  Buffer.alloc(121),
]);

const firstModule = (): string | undefined => {
  const files = readdirSync(`${HOST}/lib/modules`, { recursive: true, encoding: 'utf8' });
  const found = files.find((file) => file.endsWith('.ko'));
  return found === undefined ? undefined : path.join(HOST, 'lib/modules', found);
};

/**
 * Loads a module of the image whose version magic is altered, which even a kernel that checks no signature refuses.
 */
function alteredModule(): string | void {
  const file = firstModule();
  if (file === undefined) return 'absent';
  const image = readFileSync(file);
  image.write('X', image.indexOf(' SMP ', image.indexOf('vermagic=')) + 1);
  call('init_module', image, image.length, '');
}

/** Writes a value to a setting, and writes the former one back if that succeeds. */
function change(setting: string, value: string): void {
  const file = `/proc/sys/${setting}`;
  const before = textOf(file);
  writeFileSync(file, value);
  writeFileSync(file, before);
}

function writePciConfig(): void {
  const devices = '/sys/bus/pci/devices';
  const [device = ''] = readdirSync(devices);
  const fd = openSync(`${devices}/${device}/config`, 'r+');
  try {
    const same = Buffer.alloc(1);
    readSync(fd, same, 0, 1, 0x3c);
    writeSync(fd, same, 0, 1, 0x3c); // Interrupt line: firmware sets it, and the kernel does not read it again.
  } finally {
    closeSync(fd);
  }
}

/** Adds a kernel probe as tracing tools do, and removes it. */
const addKprobe = (): void =>
  mounted('tracefs', (folder) => {
    for (const order of ['p:kios_probe do_sys_openat2', '-:kios_probe'])
      writeFileSync(`${folder}/kprobe_events`, order, { flag: 'a' });
  });

function addTrustedKey(): string | void {
  const line = textOf('/proc/keys')
    .split('\n')
    .find((entry) => entry.includes(KEYRING));
  if (line === undefined) return 'absent';
  const keyring = Number.parseInt(line.slice(0, 8), 16) | 0;
  call('add_key', 'asymmetric', 'kios', UNSIGNED_MODULE, UNSIGNED_MODULE.length, keyring);
}

export const KERNEL: Probes = {
  'module-from-memory': () => {
    call('init_module', UNSIGNED_MODULE, UNSIGNED_MODULE.length, '');
  },
  'module-from-file': () => {
    const file = `${SCRATCH}/kios-probe.ko`;
    writeFileSync(file, UNSIGNED_MODULE);
    const fd = openSync(file, 'r');
    try {
      call('finit_module', fd, '', 0);
    } finally {
      closeSync(fd);
      rmSync(file);
    }
  },
  'module-altered': alteredModule,
  'lockdown-lift': () => writeFileSync(`${HOST}/sys/kernel/security/lockdown`, 'none'),
  'trusted-key': addTrustedKey,
  kexec: () => {
    call('kexec_load', 0, 0, null, 0);
  },
  'kexec-file': () => {
    call('kexec_file_load', -1, -1, 0, null, 0);
  },
  'memory-device': () => readDevice(1, 1),
  'port-device': () => readDevice(1, 4),
  'msr-device': () => readDevice(202, 0),
  keyboard: findKeyboard,
  'keyboard-made': () => readDevice(10, 223),
  'frame-buffer': () => readDevice(29, 0),
  kcore: () => {
    const fd = openSync('/proc/kcore', 'r');
    readSync(fd, Buffer.alloc(64));
    closeSync(fd);
  },
  iopl: () => {
    call('iopl', 3);
  },
  ioperm: () => {
    call('ioperm', 0x80, 1, 1);
  },
  'local-descriptors': () => {
    call('modify_ldt', 0, new Uint8Array(16), 16);
  },
  'pci-config': writePciConfig,
  'kernel-addresses': () => {
    const known = textOf('/proc/kallsyms')
      .split('\n')
      .some((line) => !/^0+ /.test(line));
    return known ? 'ok' : 'hidden';
  },
  sysrq: () => writeFileSync('/proc/sysrq-trigger', 'h'),
  hibernate: () => closeSync(openSync('/sys/power/disk', 'r+')),
  'uevent-helper': () => closeSync(openSync('/sys/kernel/uevent_helper', 'r+')),
  userfaultfd: () => {
    call('close', call('userfaultfd', 0));
  },
  'bpf-write-user': () => {
    const code = [...callHelper(HELPER.probeWriteUser), ...returns(0)];
    call('close', loadProgram({ type: PROGRAM_TYPE_TRACEPOINT, code }));
  },
  'bpf-override-return': () => {
    const code = [...callHelper(HELPER.overrideReturn), ...returns(0)];
    call('close', loadProgram({ type: 2, code }));
  },
  'bpf-unlock': () => change('kernel/unprivileged_bpf_disabled', '0'),
  'function-hooks-off': () => change('kernel/ftrace_enabled', '0'),
  'trace-unlock': () => change('kernel/yama/ptrace_scope', '0'),
  'pointer-unlock': () => change('kernel/kptr_restrict', '0'),
  'kernel-probe': addKprobe,
  tracefs: () => mounted('tracefs', () => {}),
};
