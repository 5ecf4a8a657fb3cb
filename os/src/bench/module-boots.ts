import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';

import { buildImage } from '../build/image/build-image.ts';
import { imageName } from '../build/shipped.ts';
import { MILESTONES } from '../lab/phases.ts';
import type { SeenEvent } from '../lab/qemu/console.ts';
import type { CommandContext } from '../workstation/command-context.ts';
import { repository } from '../workstation/paths.ts';
import { diskWith, type Entries } from './disk.ts';
import { startBench } from './machine.ts';

const MEMORY_MIB = 2048;
const DEADLINE_MS = 900_000;
/** Path on the data partition that appears as a static pod in the overlay of /etc. */
const STATIC_POD = '/meta/etc/kubernetes/manifests/watcher.yaml';

/** The cards to compare, by QEMU's name: the first has its driver in the kernel, the others have it as a module. */
const CARDS = ['virtio-net-pci', 'rtl8139', 'e1000e', 'igb'] as const;

/** One card in the output of `bench modules --json`; seconds from the start of the guest's kernel. */
export interface CardResult {
  readonly card: string;
  readonly carrierSeconds: number;
  readonly leaseSeconds: number;
}

/** What the watching pod of `bench/modules` reports. */
const Report = v.object({
  networkMs: v.number(),
  allMs: v.number(),
  readyMs: v.number(),
  devices: v.number(),
  loaded: v.number(),
  residentKiB: v.number(),
  privateKiB: v.number(),
});
export type StartResult = v.InferOutput<typeof Report>;

const is =
  (agent: string, ev: string) =>
  (event: SeenEvent): boolean =>
    event.agent === agent && event.ev === ev;

async function measureCard(
  card: string,
  efi: string,
  undo: AsyncDisposableStack,
): Promise<CardResult> {
  const guest = { boot: ['-kernel', efi], memoryMiB: MEMORY_MIB, card };
  await using machine = await startBench(guest, undo);
  const lease = await machine.console.expect('the lease', MILESTONES.lease.reachedBy, DEADLINE_MS);
  const carrier = await machine.console.expect(
    'the carrier',
    is('dhcp', 'link.carrier'),
    DEADLINE_MS,
  );
  return { card, carrierSeconds: carrier.up, leaseSeconds: lease.up };
}

/** The module loader's start, and the first static pod beside it. */
interface Start extends StartResult {
  readonly firstPodSeconds: number;
}

/** Boots a copy of the disk image that has the watching pod, and more files on its data partition. */
export async function measureStart(
  image: string,
  undo: AsyncDisposableStack,
  entries: Entries = {},
): Promise<Start> {
  const pod = await readFile(path.join(repository, 'bench/modules/watcher.yaml'), 'utf8');
  const content = pod.replace(/image: \S+/, `image: ${imageName('dhcp')}`);
  await using disk = await diskWith(image, { ...entries, [STATIC_POD]: { content } }, undo);
  const boot = ['-drive', `if=virtio,format=raw,cache=unsafe,file=${disk.file}`];
  await using machine = await startBench({ boot, memoryMiB: MEMORY_MIB }, undo);
  const seen = await machine.console.expect('the report', is('watcher', 'modules'), DEADLINE_MS);
  const first = machine.console.events.find(MILESTONES.firstPod.reachedBy);
  return { ...v.parse(Report, seen.fields), firstPodSeconds: (first ?? seen).up };
}

/** Measures leases behind each card, and the module loader's start and memory, on a processor of exactly 1 GIPS. */
export async function measureBoots({
  progress,
  undo,
}: CommandContext): Promise<{ readonly cards: CardResult[]; readonly start: StartResult }> {
  const out = path.join(repository, 'dist', 'bench-kios');
  const { efi, image } = await buildImage({ arch: 'amd64', kernel: 'kios', progress, out });
  const cards: CardResult[] = [];
  for (const card of CARDS)
    cards.push(await progress.task(`boot with ${card}`, () => measureCard(card, efi, undo)));
  const { firstPodSeconds: _, ...start } = await progress.task(
    'boot, and watch the module loader',
    () => measureStart(image, undo),
  );
  return { cards, start };
}
