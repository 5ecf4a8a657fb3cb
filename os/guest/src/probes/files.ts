import { closeSync, openSync, readdirSync, readSync, writeFileSync } from 'node:fs';

import { PERSISTENT } from '../../../src/build/image/persistent.ts';
import { call } from '../call.ts';
import { mounted } from '../mount.ts';
import { elf64, EXIT, runFrom } from '../tiny-program.ts';
import { HOST, MS, type Probes, textOf } from './probe.ts';

const writeToRoot = (): void => writeFileSync(`${HOST}/kios-probe`, '');

/** Writable folders of the host, from which the host runs no programs. */
const WRITABLE = ['/dev/shm', '/etc', '/run', '/tmp', '/var/lib/containerd', '/var/lib/kios', '/var/log'] as const; // prettier-ignore

/** Folders in which pods keep what outlives them: volumes, and the host's folders that are theirs. */
const OF_PODS = ['/var/lib/kubelet', ...PERSISTENT];

/** Runs a program from each folder and returns their common result, or the result of each when they differ. */
function runFromEach(folders: readonly string[]): string {
  const results = folders.map((folder) => runFrom(HOST + folder, elf64(EXIT)));
  const [first = ''] = results;
  if (results.every((result) => result === first)) return first;
  return folders.map((folder, index) => `${folder} ${results[index]}`).join(', ');
}

/** Returns the partition that holds the host's data, and its disk. */
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
  'program-overwrite': () => openOnly(`${HOST}/bin/kubelet`, 'r+'),
  'init-overwrite': () => openOnly(`${HOST}/bin/init`, 'r+'),
  'exec-host-folders': () => runFromEach(WRITABLE),
  'exec-volume': () => runFromEach(OF_PODS),
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
  // Writing there lets the kernel say again what it says only once.
  debugfs: () => mounted('debugfs', (folder) => openOnly(`${folder}/clear_warn_once`, 'r+')),
  'release-agent': () => mounted('cgroup', nothing, 'none,name=kios'),
};
