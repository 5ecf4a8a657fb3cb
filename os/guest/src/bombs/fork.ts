import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

import { elf64, FORK_ALWAYS } from '../tiny-program.ts';
import { type Bomb, pause } from './bomb.ts';

const PROGRAM = '/tmp/fork';
const POLL_MS = 500;
/** Looks without a new process after which there will be none. */
const QUIET_LOOKS = 6;

const processes = (): number => Number(readFileSync('/sys/fs/cgroup/pids.current', 'utf8'));

/** Makes processes that make processes, until the kernel gives no more. They stay. */
export const fork: Bomb = () => {
  writeFileSync(PROGRAM, elf64(FORK_ALWAYS), { mode: 0o755 });
  spawn(PROGRAM, { stdio: 'ignore' });
  let most = 0;
  for (let quiet = 0; quiet < QUIET_LOOKS;) {
    pause(POLL_MS);
    const now = processes();
    quiet = now > most ? 0 : quiet + 1;
    most = Math.max(most, now);
  }
  return `${most} processes`;
};
