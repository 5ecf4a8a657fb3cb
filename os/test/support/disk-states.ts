import { open } from 'node:fs/promises';

import { type PartFile, replay, tear } from './power-cuts.ts';
import type { LoggedWrite } from './write-log.ts';

/** All subsets of so many writes between two flushes are looked at; of more writes, some. */
const MOST = 6;

/** The bytes of a part where a write goes. */
interface Saved {
  readonly at: number;
  readonly bytes: Buffer;
}

async function save(writes: readonly LoggedWrite[], part: PartFile): Promise<Saved[]> {
  await using file = await open(part.file);
  const saved: Saved[] = [];
  for (const { offset, length } of writes) {
    const at = Math.max(0, offset - part.offset);
    const bytes = Buffer.alloc(Math.min(offset - part.offset + length, part.bytes) - at);
    await file.read(bytes, 0, bytes.length, at);
    saved.push({ at, bytes });
  }
  return saved;
}

async function restore(saved: readonly Saved[], part: PartFile): Promise<void> {
  await using file = await open(part.file, 'r+');
  for (const { at, bytes } of saved) await file.write(bytes, 0, bytes.length, at);
}

/** Returns the subsets of `count` writes that are looked at, in the order of the writes. */
export function subsetsOf(count: number): number[][] {
  const all = Array.from({ length: count }, (_, index) => index);
  if (count <= MOST)
    return Array.from({ length: 2 ** count }, (_, bits) =>
      all.filter((index) => ((bits >> index) & 1) === 1),
    );
  const beginnings = all.map((index) => all.slice(0, index + 1));
  const without = all.map((left) => all.filter((index) => index !== left));
  return [...beginnings, ...without, ...all.map((index) => [index])];
}

/**
 * Puts a part into each state in which a power cut can leave it, one after another: after some writes since the last
 * flush, and in the middle of each write. Returns the number of states. The part ends as all writes leave it.
 */
export async function eachState(
  log: string,
  writes: readonly LoggedWrite[],
  part: PartFile,
  look: (state: string) => Promise<void>,
): Promise<number> {
  let states = 0;
  const see = async (state: string): Promise<void> => {
    states += 1;
    await look(state);
  };
  for (const [epoch, group] of Map.groupBy(writes, (write) => write.epoch)) {
    const saved = await save(group, part);
    for (const subset of subsetsOf(group.length)) {
      await replay(log, subset.map((index) => group[index]!), part); // prettier-ignore
      await see(`after writes ${subset.join(', ')} of epoch ${epoch}`);
      await restore(saved, part);
    }
    for (const [index, write] of group.entries()) {
      await tear(log, write, part);
      await see(`in write ${index} of epoch ${epoch}`);
      await replay(log, [write], part);
    }
  }
  return states;
}
