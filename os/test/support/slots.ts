import {
  ENTRY_FOLDER,
  entryFile,
  entryText,
  FALLBACK,
  fallbackText,
  parseEntryName,
  slotFile,
} from '../../src/build/image/boot-slots.ts';
import type { Partition } from '../../src/media/configure/partition.ts';
import type { FileContent } from '../../src/media/configure/plan.ts';

/** Returns the names of a medium's entries, without their folder. */
export async function entriesOn(partition: Partition): Promise<string[]> {
  const prefix = `${ENTRY_FOLDER}/`;
  const names = (await partition.list()).filter((name) => name.startsWith(prefix));
  return names.map((name) => name.slice(prefix.length)).toSorted();
}

/** Writes an entry of a generation; `counter` is what its name has behind the number, such as `+3-0`. */
export const writeEntry = (partition: Partition, generation: number, counter = ''): Promise<void> =>
  partition.write(
    entryFile(generation).replace(/\.conf$/, `${counter}.conf`),
    Buffer.from(entryText(generation, 'of a test')),
  );

/** Names the generation that the guard falls back to. */
export const writeFallback = (partition: Partition, generation: number): Promise<void> =>
  partition.write(FALLBACK, Buffer.from(fallbackText(generation)));

/** Puts an EFI file on a medium as its next generation, which is good at once, and removes all others. */
export async function replaceSystem(
  partition: Partition,
  efi: Uint8Array | FileContent,
): Promise<void> {
  const entries = await entriesOn(partition);
  const generations = entries.flatMap((name) => parseEntryName(name)?.generation ?? []);
  const next = Math.max(...generations) + 1;
  await partition.write(slotFile(next), efi);
  await writeEntry(partition, next);
  for (const name of entries) await partition.remove(`${ENTRY_FOLDER}/${name}`);
  for (const generation of new Set(generations)) await partition.remove(slotFile(generation));
}
