import { fillDisk } from '../fill-disk.ts';
import type { Bomb } from './bomb.ts';

/** Fills the file system that holds the writable layers of all containers. */
export const disk: Bomb = () => `${fillDisk('/tmp/full')} bytes of the disk`;
