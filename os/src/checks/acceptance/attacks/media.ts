import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

import { runOnHost } from '../../../lab/debug-pod.ts';
import { scriptCommand } from '../../../lab/guest-program.ts';
import { listData } from '../../../lab/qemu/data-partition.ts';
import {
  differences,
  type DiskIdentity,
  readDiskIdentity,
} from '../../../lab/qemu/disk-identity.ts';
import { writeSeed } from '../../../lab/qemu/seed.ts';
import { type Assertion, demand, type Subject } from '../assertion.ts';
import { hostileSeed } from './documents.ts';

/** A disk that a pod may write, as the volumes of a cluster are. Its kernel name comes before the seed's. */
export const VOLUME = { file: 'volume.img', device: '/dev/vdb', bytes: 1 << 20 } as const;

/** What the media bring. */
const PODS = { volume: 'from-a-volume', plugged: 'from-a-plugged-disk' } as const;
/** Disks that are plugged in. Their kernel names, `sda` and `sdb`, come before that of the disk booted from. */
const PLUGGED = { seed: 'plugged-seed.img', twin: 'plugged-twin.img' } as const;

/** Disk that the machine boots from. */
const BOOTED_FROM = '/dev/vda';
const SETTLED_WITHIN_MS = 120_000;

const firstIdentity = new WeakMap<Subject, DiskIdentity>();

/** Returns the console's events since the latest boot of the machine. */
const sinceBoot = ({ console: { events } }: Subject) =>
  events.slice(events.findLastIndex(({ agent, ev }) => agent === 'init' && ev === 'init.start'));

/** Waits until bootstrap has read its sources in this boot and found the node joined; only its log says so. */
async function bootstrapDecided(subject: Subject): Promise<void> {
  const { kubectl, nodeName } = subject;
  const booted = sinceBoot(subject)[0]?.fields['t'];
  const args = ['-n', 'kube-system', `bootstrap-${nodeName}`, `--since-time=${String(booted)}`];
  for (const end = Date.now() + SETTLED_WITHIN_MS; Date.now() < end;) {
    const log = await kubectl.call(['logs', ...args]).catch(() => '');
    if (log.includes('"ev":"joined"')) return;
    await sleep(1000);
  }
  demand(false, `bootstrap did not find the node joined within ${SETTLED_WITHIN_MS / 1000} s`);
}

/** These come before the reboot. */
export const MEDIA_OFFERS: readonly Assertion[] = [
  {
    name: 'at its first boot the node has given disk, partitions and file systems numbers of their own',
    check: async (subject) => {
      const built = await readDiskIdentity(subject.image);
      const now = await readDiskIdentity(subject.machine.file('disk'));
      firstIdentity.set(subject, now);
      const kept = Object.keys(built).filter(
        (name) => !differences(built, now).some((one) => one === name),
      );
      demand(kept.length === 0, `still those of the image: ${kept.join(', ')}`);
      return JSON.stringify(now);
    },
  },
  {
    name: 'a pod can make a volume look like a seed, and a person plug in a seed and a fresh twin of the disk',
    check: async (subject) => {
      const { machine, kubectl, nodeName } = subject;
      const image = path.join(machine.dir, 'hostile.img');
      await writeSeed(image, hostileSeed('CIDATA', PODS.volume));
      const gzip = gzipSync(await readFile(image)).toString('base64');
      // Kubelet gives a pod a raw block volume only with the program losetup, which the host does not have. So this pod
      // is privileged, and the attack the same.
      const written = await runOnHost(kubectl, {
        nodeName,
        privileged: true,
        command: await scriptCommand('write-device', { device: VOLUME.device, gzip }),
      });
      const seed = hostileSeed('CONFIG-2', PODS.plugged);
      await writeSeed(path.join(machine.dir, PLUGGED.seed), seed, 'CONFIG-2');
      await machine.copyDisk(subject.image, PLUGGED.twin);
      for (const file of Object.values(PLUGGED)) await machine.plugDisk(file);
      return written.trim();
    },
  },
];

/** These come after the reboot. */
export const MEDIA_REFUSALS: readonly Assertion[] = [
  {
    name: 'after the reboot the data partition is the same, although a fresh twin of the disk is there',
    check: async (subject) => {
      const data = sinceBoot(subject).filter(({ ev }) => ev.startsWith('data.'));
      const mounted = data.find(({ ev }) => ev === 'data.mounted');
      const seen = data.map(({ fields }) => JSON.stringify(fields)).join(', ');
      demand(mounted?.fields['device'] === `${BOOTED_FROM}2`, seen);
      const first = firstIdentity.get(subject);
      demand(first !== undefined, 'the numbers of the first boot are not known');
      const now = await readDiskIdentity(subject.machine.file('disk'));
      demand(
        differences(first, now).length === 0,
        `changed again: ${differences(first, now).join(', ')}`,
      );
      return `${BOOTED_FROM}2, and all numbers are those of the first boot`;
    },
  },
  {
    name: 'after the reboot the two hostile seeds are ignored, and the console says so',
    check: async (subject) => {
      await bootstrapDecided(subject);
      const seeds = sinceBoot(subject).filter(({ ev }) => ev.startsWith('seed.'));
      const of = (ev: string): string[] =>
        seeds.filter((event) => event.ev === ev).map(({ fields }) => String(fields['device']));
      const ignored = of('seed.ignored');
      const taken = of('seed.mounted').filter((device) => !device.startsWith(BOOTED_FROM));
      demand(taken.length === 0, `mounted: ${taken.join(', ')}`);
      const plugged = ignored.filter((device) => device.startsWith('/dev/sd'));
      demand(
        ignored.includes(VOLUME.device) && plugged.length > 0,
        `ignored: ${ignored.join(', ')}`,
      );
      return `ignored: ${ignored.join(', ')}`;
    },
  },
];

/** This comes when the machine is off: a full node starts no pod that could look. */
export const MEDIA_TRACES: Assertion = {
  name: 'nothing of the hostile seeds is on the disk of the node',
  check: async ({ machine }) => {
    const disk = machine.file('disk');
    const manifests = await listData(disk, '/meta/etc/kubernetes/manifests');
    const hostile = Object.values(PODS).filter((pod) => manifests.includes(`${pod}.yaml`));
    demand(hostile.length === 0, `among the manifests: ${hostile.join(', ')}`);
    const kept = await listData(disk, '/meta/etc/kubernetes');
    demand(kept.includes('kubelet.conf'), `of the node's identity there is ${kept.join(', ')}`);
    return `manifests: ${manifests.join(', ') || 'none but the image’s'}`;
  },
};
