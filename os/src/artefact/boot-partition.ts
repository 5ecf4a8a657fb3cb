import type { PlacedPartition } from '../build/formats/gpt.ts';
import type { Toolroot } from '../build/sources/debian/toolroot.ts';
import { readPart } from './kind.ts';

/** Copies every file of a FAT partition into the empty folder `into`, with the time stamps it has there, in UTC. */
export async function copyBootPartition(
  image: string,
  { offset }: Pick<PlacedPartition, 'offset'>,
  into: string,
  tools: Toolroot,
): Promise<void> {
  // -p keeps attributes, -n asks nothing, -s takes folders too.
  const from = `${image}@@${offset}`;
  const args = ['-s', '-n', '-m', '-p', '-i', from, '::*', into];
  await readPart('boot partition', () => tools.run('usr/bin/mcopy', args, { env: { TZ: 'UTC' } }));
}
