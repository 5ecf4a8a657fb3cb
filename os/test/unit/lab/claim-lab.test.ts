import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, expect, it, vi } from 'vitest';

import { identify } from '../../../src/workstation/process.ts';
import { silent } from '../../../src/workstation/progress.ts';

// The lab's folder is read from the environment when its modules load.
const state = await mkdtemp(path.join(tmpdir(), 'kios-claim-'));
vi.stubEnv('KIOS_STATE_DIR', state);
const { claimLab } = await import('../../../src/lab/claim-lab.ts');
const { stateDir } = await import('../../../src/workstation/paths.ts');
if (stateDir !== state) throw new Error('this test must not touch the checkout’s own lab');
const claim = (): Promise<Disposable> => claimLab(silent);

afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(state, { recursive: true });
});

it('removes what an earlier node left, and keeps others out until it is disposed of', async () => {
  const left = path.join(state, 'node', 'disk.img');
  await mkdir(path.dirname(left));
  await writeFile(left, 'of an earlier run');
  {
    using _ = await claim();
    expect(existsSync(left)).toBe(false);
    await expect(claim()).rejects.toMatchObject({ code: 'KIOS_BUSY' });
  }
  using _ = await claim();
});

it('leaves a node that is up, and lets go of the lab', async () => {
  const machine = path.join(state, 'node');
  await mkdir(machine);
  const stand = spawn('sleep', ['60'], { stdio: 'ignore' });
  try {
    const process = await identify(stand.pid ?? 0);
    const running = { ...process, startedAt: Date.now(), kubeletPort: 1 };
    await writeFile(path.join(machine, 'machine.json'), JSON.stringify(running));
    await expect(claim()).rejects.toMatchObject({ code: 'KIOS_NODE_RUNNING' });
    expect(existsSync(path.join(machine, 'machine.json'))).toBe(true);
    expect(stand.exitCode ?? stand.signalCode).toBeNull();
  } finally {
    stand.kill();
    await once(stand, 'exit');
  }
  using _ = await claim();
});
