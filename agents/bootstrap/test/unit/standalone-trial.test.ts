import { readFileSync, renameSync } from 'node:fs';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { judgeAlone } from '../../src/core/files/trial.ts';
import { LocalAgent } from '../support/local-agent.ts';
import { NodeFolder } from '../support/node-folder.ts';

const BACKUP = 'var/lib/kios/bootstrap/previous.json';
const POD = '/etc/kubernetes/manifests/own.yaml';
/** Of the right type, so that only kubelet can refuse it. */
const REFUSED = -5;
const DROP_IN = 'etc/kubernetes/kubelet.conf.d/50-user.conf';

let node: NodeFolder;
let agent: LocalAgent;

const uptime = (): number => Number(readFileSync('/proc/uptime', 'latin1').split(' ', 1)[0]);

function replace(file: string, content: string): void {
  node.write(`${file}.new`, content);
  renameSync(path.join(node.root, `${file}.new`), path.join(node.root, file));
}

/** Does as init when kubelet has started again. */
function startKubelet(extra: object = {}): void {
  const kubelet = { v: 1, pid: 2, mode: 'standalone', hostname: 'node-1', starts: 2, startedBoot: uptime() }; // prettier-ignore
  replace('run/kios/kubelet.json', JSON.stringify({ ...kubelet, ...extra }));
}

function serve(): void {
  const phase = JSON.stringify({ name: 'kubelet.ready', up: uptime() });
  const boot = node.read('run/kios/boot.json') ?? '';
  replace('run/kios/boot.json', boot.replace(/"phases":\[.*\]/, `"phases":[${phase}]`));
}

const seed = (pids: number): void =>
  node.seed(
    JSON.stringify({
      apiVersion: 'kios.dev/v1',
      kind: 'NodeBootstrap',
      node: { name: 'node-1' },
      kubelet: { config: { podPidsLimit: pids } },
      files: [{ path: POD, content: String(pids) }],
    }),
  );

async function isGood(): Promise<void> {
  startKubelet();
  serve();
  await agent.until(() => expect(node.read(BACKUP)).toBeUndefined());
}

beforeEach(async () => {
  node = await NodeFolder.make();
  node.lease();
  agent = new LocalAgent(node);
  seed(100);
  await agent.start({ rollbackSeconds: 0.2 });
  await agent.sees('restart.sent');
  await isGood();
  await agent.stop();
  agent.lines = [];
  seed(REFUSED);
});
afterEach(() => agent[Symbol.asyncDispose]());

/** Waits for the end of a rollback to the first document. */
async function expectRollBack(): Promise<void> {
  await agent.sees('rollback');
  await agent.until(() => expect(node.read(BACKUP)).toBeUndefined());
  expect(node.read(DROP_IN)).toContain('podPidsLimit: 100');
  expect(node.read(POD.slice(1))).toBe(String(REFUSED));
  expect(agent.saw('rollback')).toMatchObject([{ code: 'KIOS_BOOTSTRAP_KUBELET', lvl: 'error' }]);
  expect(JSON.stringify(agent.saw('rollback'))).toContain('Correct kubelet.config');
}

describe(
  'a standalone node goes back to the files before when kubelet',
  { timeout: 120_000 },
  () => {
    it('keeps ending with the new ones, and does not try them again in this boot', async () => {
      await agent.start();
      await agent.sees('restart.sent');
      startKubelet({ earlyEnds: 4 });
      await expectRollBack();
      expect(node.sent).toHaveLength(3);
      await agent.stop();
      // The ten minutes are over, and those of the restarts.
      const file = 'var/lib/kios/bootstrap/state.json';
      const state = node.read(file) ?? '';
      node.write(file, state.replace(/"up":[\d.]+/, '"up":-1e6').replace(/"restarts":\[[^\]]*\]/, '"restarts":[]')); // prettier-ignore
      agent.lines = [];
      await agent.start();
      await agent.sees('standalone');
      expect(node.sent).toHaveLength(3);
      await agent.stop();
      seed(200);
      await agent.start();
      await agent.sees('restart.sent');
      expect(node.read(DROP_IN)).toContain('200');
    });

    it('says that it serves, and ends after that', async () => {
      await agent.start();
      await agent.sees('restart.sent');
      for (const earlyEnds of [0, 1, 2, 3, 4]) {
        startKubelet({ earlyEnds });
        serve();
      }
      await expectRollBack();
      expect(node.sent).toHaveLength(3);
    });

    it('runs only without its drop-ins, after a reboot too', async () => {
      await agent.start();
      await agent.sees('restart.sent');
      await agent.stop();
      node.boot({ bootId: 'boot-2' });
      startKubelet({ dropInsIgnored: true });
      await agent.start();
      await expectRollBack();
      expect(node.sent).toHaveLength(3);
    });

    it('does not serve in time', async () => {
      await agent.start({ rollbackSeconds: 0.2 });
      await agent.sees('restart.sent');
      startKubelet({ earlyEnds: 1 });
      await expectRollBack();
      expect(node.sent).toHaveLength(3);
    });
  },
);

it('a standalone node keeps files with which kubelet serves', async () => {
  seed(300);
  await agent.start({ rollbackSeconds: 0.2 });
  await agent.sees('restart.sent');
  await isGood();
  expect(agent.saw('rollback')).toEqual([]);
  expect(node.read(DROP_IN)).toContain('300');
});

it('kubelet has to stay before its files count as good', () => {
  const trial = { seconds: 40, isRefused: false, hasServed: true, keepsEnding: false };
  expect(judgeAlone({ ...trial, servesFor: 29 }, 600)).toBeUndefined();
  expect(judgeAlone({ ...trial, servesFor: 30 }, 600)).toBe('good');
  expect(judgeAlone({ ...trial, servesFor: undefined, seconds: 601 }, 600)).toBeUndefined();
  expect(judgeAlone({ ...trial, servesFor: undefined, keepsEnding: true }, 0)).toBe('good');
});
