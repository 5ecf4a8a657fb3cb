import type { Bomb } from './bomb.ts';
import { disk } from './disk.ts';
import { fork } from './fork.ts';
import { inotify } from './inotify.ts';
import { memory } from './memory.ts';

export const BOMBS: Readonly<Partial<Record<string, Bomb>>> = { fork, inotify, memory, disk };
