import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

import { elf64, WATCH_ALWAYS, WATCHED } from '../tiny-program.ts';
import { type Bomb, pause } from './bomb.ts';

const FOLDER = '/dev/shm/watched';
const PROGRAM = '/tmp/watch';
const POLL_MS = 500;
/** Looks at which the program sleeps, after which it has all that it gets. */
const QUIET_LOOKS = 4;

/**
 * Takes inotify instances and watches, which the kernel counts for each user: these are root's, as kubelet's are. Each
 * file has few watches, because the kernel takes long to add one to many.
 */
export const inotify: Bomb = () => {
  mkdirSync(FOLDER);
  for (const name of WATCHED) writeFileSync(`${FOLDER}/${name}`, '');
  writeFileSync(PROGRAM, elf64(WATCH_ALWAYS), { mode: 0o755 });
  const { pid } = spawn(PROGRAM, { cwd: FOLDER, stdio: 'ignore' });
  for (let quiet = 0; quiet < QUIET_LOOKS;) {
    pause(POLL_MS);
    // Its memory counts as the pod's.
    if (!existsSync(`/proc/${pid}/stat`)) return 'inotify instances until the memory was used up';
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    quiet = stat.includes(') S ') ? quiet + 1 : 0;
  }
  return `${readdirSync(`/proc/${pid}/fd`).length} inotify instances, and all watches they got`;
};
