import type { Bomb } from './bomb.ts';

const CHUNK = 64 << 20;

/** Writes to ever more memory. It never returns: the kernel ends the process. */
export const memory: Bomb = () => {
  const taken: Buffer[] = [];
  for (;;) taken.push(Buffer.alloc(CHUNK, taken.length + 1));
};
