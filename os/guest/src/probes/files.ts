import { closeSync, openSync, readdirSync, readSync, writeFileSync } from 'node:fs';

import { call } from '../call.ts';
import { mounted } from '../mount.ts';
import { elf64, EXIT, runFrom } from '../tiny-program.ts';
import { HOST, MS, type Probes, textOf } from './probe.ts';

const writeToRoot = (): void => writeFileSync(`${HOST}/kios-probe`, '');

/** Folders of the host that can be written to, and from which the host itself runs nothing. */
const WRITABLE = ['/dev/shm', '/etc', '/run', '/tmp', '/var', '/var/lib/containerd', '/var/lib/kios', '/var/log'] as const; // prettier-ignore

/** The answer that all folders give, or each folder's own. */
function runFromEach(folders: readonly string[]): string {
  const answers = folders.map((folder) => runFrom(HOST + folder, elf64(EXIT)));
  const [first = ''] = answers;
  if (answers.every((answer) => answer === first)) return first;
  return folders.map((folder, index) => `${folder} ${answers[index]}`).join(', ');
}

/** The first disk with partitions, and the partition that is mounted for the host's data. */
function disk(): { readonly whole: string; readonly mounted: string } {
  const mounted =
    textOf('/proc/1/mountinfo').match(/ \/var\/lib\/kubelet .* - \S+ (\/dev\/\S+)/)?.[1] ?? '';
  return { whole: mounted.replace(/p?\d+$/, ''), mounted };
}

const nothing = (): void => {};
const openOnly = (file: string, flags: string): void => closeSync(openSync(file, flags));

export const FILES: Probes = {
  'root-write': writeToRoot,
  'root-remount': () => {
    call('mount', null, HOST, null, MS.remount, null);
    writeToRoot();
  },
  'root-bind-remount': () => {
    call('mount', null, HOST, null, MS.remount | MS.bind, null);
    writeToRoot();
  },
  'program-overwrite': () => openOnly(`${HOST}/bin/init`, 'r+'),
  'exec-host-folders': () => runFromEach(WRITABLE),
  'exec-volume': () => runFrom(`${HOST}/var/lib/kubelet`, elf64(EXIT)),
  'exec-after-remount': () => {
    const folder = `${HOST}/run`;
    const flags = MS.remount | MS.bind;
    call('mount', null, folder, null, flags, null);
    try {
      return runFrom(folder, elf64(EXIT));
    } finally {
      call('mount', null, folder, null, flags | MS.noExec, null);
    }
  },
  'disk-read': () => {
    const fd = openSync(disk().whole, 'r');
    readSync(fd, Buffer.alloc(512));
    closeSync(fd);
  },
  'disk-write-mounted': () => openOnly(disk().mounted, 'r+'),
  'disk-write': () => openOnly(disk().whole, 'r+'),
  'efi-variable': () => {
    const folder = `${HOST}/sys/firmware/efi/efivars`;
    const [name = ''] = readdirSync(folder);
    openOnly(`${folder}/${name}`, 'r+');
  },
  'binfmt-misc': () => mounted('binfmt_misc', nothing),
  debugfs: () => mounted('debugfs', nothing),
  'release-agent': () => mounted('cgroup', nothing, 'none,name=kios'),
};
