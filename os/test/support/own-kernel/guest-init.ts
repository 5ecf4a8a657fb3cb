// Process 1 of a guest whose root is the workstation's file system: carries out one job and ends, which ends the guest.
import { execFileSync, spawnSync } from 'node:child_process';
import { createWriteStream, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';

import * as v from 'valibot';

import { EXIT_LINE, Job, RESULT_DEVICE } from './job.ts';

const ROOT = '/tmp/root';
/** The kernel gives its first process none. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const LAYERS = ['/tmp/upper', '/tmp/work'] as const;

function mount(type: string, target: string, ...options: string[]): void {
  execFileSync('mount', ['-t', type, ...options, type, target], { stdio: 'inherit' });
}

/** Lays RAM over the workstation's files, which the guest cannot change, and mounts what every program expects. */
function mountAll(): void {
  mount('tmpfs', '/tmp');
  for (const folder of [ROOT, ...LAYERS]) mkdirSync(folder);
  const [upper, work] = LAYERS;
  mount('overlay', ROOT, '-o', `lowerdir=/,upperdir=${upper},workdir=${work}`);
  mount('proc', `${ROOT}/proc`);
  mount('sysfs', `${ROOT}/sys`);
  mount('devtmpfs', `${ROOT}/dev`);
  for (const folder of ['/run', '/tmp']) mount('tmpfs', ROOT + folder);
}

function carryOut(job: Job): number {
  const [program, ...args] = job.command;
  const enter = ['env', '-C', job.cwd, program, ...args];
  const { status, error } = spawnSync('chroot', [ROOT, ...enter], {
    stdio: 'inherit',
    env: { ...job.env, HOME: '/root', PATH },
  });
  if (error !== undefined) process.stdout.write(`${String(error)}\n`);
  return status ?? -1;
}

/** Sends the result file over a serial port of its own, so that nothing else is between its lines. */
async function sendResult(job: Job): Promise<void> {
  const content = readFileSync(path.join(ROOT, job.result));
  await pipeline([content], createWriteStream(path.join(ROOT, RESULT_DEVICE)));
}

let status = -1;
try {
  const job = v.parse(
    v.pipe(v.string(), v.parseJson(), Job),
    readFileSync(process.argv[2] ?? '', 'utf8'),
  );
  mountAll();
  status = carryOut(job);
  await sendResult(job);
} catch (error) {
  process.stdout.write(`${String(error)}\n`);
}
process.stdout.write(`${EXIT_LINE}${status}\n`);
