import { expect, it } from 'vitest';

import {
  type MachineSpec,
  qemuArguments,
  type StartMedium,
} from '../../../../src/lab/qemu/arguments.ts';

const spec: MachineSpec = {
  arch: 'amd64',
  accelerator: 'tcg',
  firmware: { code: '/usr/share/OVMF/OVMF_CODE_4M.fd' },
  memoryMiB: 2048,
  cpus: 2,
  kubeletPort: 34567,
  commandLine: ['kios.logport=/dev/ttyS1'],
  seed: true,
  uuid: '00000000-0000-8000-8000-000000000001',
};

const valueOf = (args: readonly string[], flag: string): string[] =>
  args.filter((_, index) => args[index - 1] === flag);

it('forwards only a loopback port to the guest’s kubelet', () => {
  expect(valueOf(qemuArguments(spec), '-netdev')).toEqual([
    'user,id=net0,hostfwd=tcp:127.0.0.1:34567-:10250',
  ]);
});

it('has the further devices that a test names, after its card', () => {
  const devices = ['-drive if=none,id=late,driver=null-co,size=64M', '-device i6300esb'];
  const args = qemuArguments({ ...spec, devices });
  expect(valueOf(args, '-drive')).toContain('if=none,id=late,driver=null-co,size=64M');
  const names = valueOf(args, '-device');
  expect(names.indexOf('i6300esb')).toBe(
    names.findIndex((name) => name.startsWith('virtio-net-pci')) + 1,
  );
});

it('forwards further ports, and has a card on a segment with another machine', () => {
  const segment = { socket: '../node/segment.sock', listens: false, mac: '52:54:00:77:00:02' };
  const args = qemuArguments({ ...spec, segment, forwards: [{ from: 40001, to: 8888 }] });
  expect(valueOf(args, '-netdev')).toEqual([
    'user,id=net0,hostfwd=tcp:127.0.0.1:34567-:10250,hostfwd=tcp:127.0.0.1:40001-:8888',
    'stream,id=segment,server=off,addr.type=unix,addr.path=../node/segment.sock',
  ]);
  expect(valueOf(args, '-device')).toContain(
    'virtio-net-pci,netdev=segment,romfile=,mac=52:54:00:77:00:02',
  );
});

it('has its only card on a network device, with the MAC that it is given', () => {
  const tap = { device: 'tap3', mac: '52:54:00:77:00:03' };
  const args = qemuArguments({ ...spec, tap });
  expect(valueOf(args, '-netdev')).toEqual(['tap,id=net0,ifname=tap3,script=no,downscript=no']);
  const cards = valueOf(args, '-device').filter((device) => device.startsWith('virtio-net'));
  expect(cards).toEqual([`virtio-net-pci,netdev=net0,romfile=,mac=${tap.mac}`]);
});

it('has firmware that enforces Secure Boot, and keeps its variables, only when asked', () => {
  const firmware = { code: '/OVMF_CODE_4M.fd', secureCode: '/OVMF_CODE_4M.secboot.fd' };
  const args = (secureBoot: boolean) => qemuArguments({ ...spec, firmware, secureBoot });
  expect(valueOf(args(false), '-drive')[0]).toContain('file=/OVMF_CODE_4M.fd');
  expect(valueOf(args(false), '-global')).toEqual([]);
  expect(valueOf(args(true), '-drive')[0]).toContain('file=/OVMF_CODE_4M.secboot.fd');
  expect(valueOf(args(true), '-machine')).toEqual(['q35', 'smm=on']);
  expect(valueOf(args(true), '-global')).toEqual(['driver=cfi.pflash01,property=secure,value=on']);
  const arm = { ...spec, arch: 'arm64', secureBoot: true } as const;
  expect(() => qemuArguments(arm)).toThrow(/arm64 with Secure Boot/);
});

it('has a UUID of its own, like a real machine', () => {
  expect(valueOf(qemuArguments(spec), '-uuid')).toEqual([spec.uuid]);
});

it('has a hardware clock at the time that it is given', () => {
  const rtc = '1970-01-01T00:00:00';
  expect(valueOf(qemuArguments({ ...spec, rtc }), '-rtc')).toEqual([`base=${rtc}`]);
  expect(qemuArguments(spec)).not.toContain('-rtc');
});

it('puts a network card without a peer before the working one', () => {
  const args = qemuArguments({ ...spec, quietCard: true });
  const cards = valueOf(args, '-device').filter((device) => device.startsWith('virtio-net'));
  expect(cards.map((card) => /netdev=(\w+)/.exec(card)?.[1])).toEqual(['quiet', 'net0']);
  expect(valueOf(args, '-netdev')).toContain('hubport,id=quiet,hubid=0');
});

it('puts further disks, which firmware does not boot, between the first and the seed', () => {
  const args = qemuArguments({ ...spec, disks: ['one.img', 'two.img'] });
  const files = valueOf(args, '-drive').map((drive) => /file=([^,]+)/.exec(drive)?.[1]);
  expect(files.slice(2)).toEqual(['disk.img', 'one.img', 'two.img', 'seed.img']);
  const devices = valueOf(args, '-device').filter((device) => device.startsWith('virtio-blk'));
  expect(devices.map((device) => device.includes('bootindex'))).toEqual([true, false, false, true]);
});

it('locks its first disk only when asked to', () => {
  const [, , disk] = valueOf(qemuArguments(spec), '-drive');
  expect(disk).not.toContain('readonly');
  const [, , locked] = valueOf(qemuArguments({ ...spec, lockedDisk: true }), '-drive');
  expect(locked).toMatch(/file=disk\.img,readonly=on$/);
});

it('records the writes to its disk only when asked to', () => {
  expect(qemuArguments(spec).join(' ')).not.toContain('blklogwrites');
  const [, , disk = ''] = valueOf(qemuArguments({ ...spec, writeLog: 'writes.log' }), '-drive');
  expect(disk).toContain('driver=blklogwrites');
  expect(disk).toContain('cache=writeback');
  expect(disk).toContain('file.file.filename=disk.img');
  expect(disk).toContain('log.file.filename=writes.log');
});

it('has a SCSI controller only when disks will be plugged in', () => {
  expect(valueOf(qemuArguments(spec), '-device').join(' ')).not.toContain('scsi');
  const devices = valueOf(qemuArguments({ ...spec, scsi: true }), '-device');
  expect(devices).toContain('virtio-scsi-pci,id=scsi');
});

it('passes words for the kernel to the EFI stub with doubled commas', () => {
  const args = qemuArguments({ ...spec, commandLine: ['a=1,2', 'b'] });
  expect(valueOf(args, '-smbios')).toEqual([
    'type=11,value=io.systemd.stub.kernel-cmdline-extra=a=1,,2 b',
  ]);
});

it('attaches neither seed nor SMBIOS string unless asked to', () => {
  const args = qemuArguments({ ...spec, seed: false, commandLine: [] });
  expect(args.join(' ')).not.toMatch(/seed|smbios/);
});

it('gives a machine the board and serial ports of its architecture', () => {
  const arm = qemuArguments({ ...spec, arch: 'arm64' });
  expect(valueOf(arm, '-machine')).toEqual(['virt,gic-version=3']);
  expect(valueOf(arm, '-serial')).toEqual(['chardev:console']);
  expect(valueOf(qemuArguments(spec), '-machine')).toEqual(['q35']);
});

it('keeps every file name but the firmware’s relative to the machine’s folder', () => {
  const absolute = qemuArguments(spec).filter((arg) => /(file|path|unix)[=:]\//.test(arg));
  expect(absolute).toEqual([expect.stringContaining('readonly=on,file=/usr/share/OVMF')]);
});

const started = (startFrom: StartMedium) => {
  const args = qemuArguments({ ...spec, seed: false, startFrom });
  const drives = valueOf(args, '-drive').filter((drive) => !drive.includes('pflash'));
  const first = valueOf(args, '-device').filter((device) => device.includes('bootindex=0'));
  return { drives, first, net: valueOf(args, '-netdev') };
};

it('starts from a CD, or from the network without any disk', () => {
  expect(started({ cd: true })).toMatchObject({
    drives: ['if=none,id=cd,media=cdrom,readonly=on,format=raw,file=disk.img'],
    first: ['ide-cd,drive=cd,bootindex=0'],
  });
  const card = 'virtio-net-pci,netdev=net0,romfile=,bootindex=0';
  const user = 'user,id=net0,hostfwd=tcp:127.0.0.1:34567-:10250';
  expect(started({ tftp: 'served' })).toEqual({
    drives: [],
    first: [card],
    net: [`${user},tftp=served,bootfile=kios.efi`],
  });
  expect(started({ tap: 'tap0' })).toEqual({
    drives: [],
    first: [card],
    net: ['tap,id=net0,ifname=tap0,script=no,downscript=no'],
  });
});

it('starts a file with another command line than its own', () => {
  const kernelCommandLine = 'console=hvc7 quiet';
  const args = qemuArguments({ ...spec, startFrom: { efi: 'kios.efi', kernelCommandLine } });
  expect(valueOf(args, '-kernel')).toEqual(['kios.efi']);
  expect(valueOf(args, '-append')).toEqual([kernelCommandLine]);
});

it('has a screen, no serial port and a table of ACPI only when asked to', () => {
  const before = qemuArguments(spec);
  expect(before.join(' ')).not.toMatch(/VGA|acpitable/);
  const after = qemuArguments({ ...spec, screen: true, withoutPorts: true, acpiTable: 'spcr' });
  expect(valueOf(after, '-device')).toContain('VGA,romfile=');
  expect(valueOf(after, '-serial')).toEqual([]);
  expect(valueOf(after, '-acpitable')).toEqual(['file=spcr']);
});
