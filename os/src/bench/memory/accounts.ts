import type { MemoryFacts } from '../../../guest/src/memory-facts.ts';
import type { Kind, Owner } from './owners.ts';

/** What a part of the memory in use is for. */
export interface Part {
  readonly name: string;
  readonly kib: number;
}

/** The memory of a node. The parts and what is not accounted for are together what is in use. */
export interface Accounts {
  /** As the kernel sees it: total less available. */
  readonly usedKiB: number;
  readonly parts: readonly Part[];
  readonly unaccountedKiB: number;
  /** Page cache of files, which counts as available but for what the kernel keeps back. */
  readonly cacheKiB: number;
  /** The part of it that processes map. */
  readonly mappedKiB: number;
  readonly reclaimableKiB: number;
}

type Meminfo = MemoryFacts['meminfo'];

const KINDS: Readonly<Record<Kind, string>> = {
  host: 'init, containerd and kubelet',
  infrastructure: 'shims and sandboxes',
  pod: 'containers of pods',
  probe: 'the probe, its shim and sandbox',
};

const field = (meminfo: Meminfo, name: string): number => meminfo[name] ?? 0;

const total = (meminfo: Meminfo, ...names: readonly string[]): number =>
  names.reduce((sum, name) => sum + field(meminfo, name), 0);

/** Page cache that the kernel can drop. */
const droppable = (meminfo: Meminfo): number => total(meminfo, 'Active(file)', 'Inactive(file)');

function processParts({ processes }: MemoryFacts, owners: ReadonlyMap<number, Owner>): Part[] {
  const sums = new Map<Kind, number>();
  for (const { pid, anonymousKiB } of processes) {
    const kind = owners.get(pid)?.kind ?? 'host';
    sums.set(kind, (sums.get(kind) ?? 0) + anonymousKiB);
  }
  const kinds: readonly Kind[] = ['host', 'infrastructure', 'pod', 'probe'];
  return kinds.map((kind) => ({ name: KINDS[kind], kib: sums.get(kind) ?? 0 }));
}

/** Returns the files that lie in memory alone: the root's image, and those of tmpfs. */
function fileParts(meminfo: Meminfo, rootKiB: number): Part[] {
  const files = total(meminfo, 'Buffers', 'Cached', 'SwapCached') - droppable(meminfo);
  const root = Math.min(rootKiB, files);
  return [
    { name: 'image of the root', kib: root },
    { name: 'other files in memory', kib: files - root },
  ];
}

function kernelParts({ meminfo, listsKiB, modulesKiB }: MemoryFacts): Part[] {
  const stacks = field(meminfo, 'KernelStack');
  const available = total(meminfo, 'MemFree', 'KReclaimable') + droppable(meminfo);
  return [
    { name: 'slab', kib: field(meminfo, 'SUnreclaim') },
    { name: 'page tables', kib: total(meminfo, 'PageTables', 'SecPageTables') },
    { name: 'kernel stacks', kib: stacks },
    { name: 'per CPU', kib: field(meminfo, 'Percpu') },
    { name: 'modules', kib: modulesKiB },
    // The stacks and the modules lie in it.
    {
      name: 'other vmalloc',
      kib: Math.max(0, field(meminfo, 'VmallocUsed') - stacks - modulesKiB),
    },
    { name: 'free pages of single processors', kib: listsKiB },
    { name: 'kept back by the kernel', kib: available - field(meminfo, 'MemAvailable') },
  ];
}

/**
 * Accounts for the memory in use (Documentation/filesystems/proc.rst, `MemAvailable`). The root's image is a file of
 * `rootKiB` in the initramfs.
 */
export function account(
  facts: MemoryFacts,
  owners: ReadonlyMap<number, Owner>,
  rootKiB: number,
): Accounts {
  const { meminfo } = facts;
  const usedKiB = field(meminfo, 'MemTotal') - field(meminfo, 'MemAvailable');
  const parts = [
    ...processParts(facts, owners),
    ...fileParts(meminfo, rootKiB),
    ...kernelParts(facts),
  ];
  return {
    usedKiB,
    parts,
    unaccountedKiB: usedKiB - parts.reduce((sum, { kib }) => sum + kib, 0),
    cacheKiB: droppable(meminfo),
    mappedKiB: facts.mapped.reduce((sum, { kib }) => sum + kib, 0),
    reclaimableKiB: field(meminfo, 'KReclaimable'),
  };
}

/** Folders of the host whose files are on the data partition or in tmpfs. */
const NOT_OF_ROOT = /^\/(?:var|run|tmp|dev|etc|proc|memfd)\b/;

/** Returns the page cache of the root that processes map. What containers map of their images is the root's too. */
export const mappedOfRoot = ({ mapped }: Pick<MemoryFacts, 'mapped'>): number =>
  mapped.filter(({ file }) => !NOT_OF_ROOT.test(file)).reduce((sum, { kib }) => sum + kib, 0);
