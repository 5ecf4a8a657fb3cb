import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { ContainerFacts } from '../../../../guest/src/container-facts.ts';
import type { Subject } from '../../../../src/checks/acceptance/assertion.ts';
import { shippedPods } from '../../../../src/checks/acceptance/shipped-pods.ts';
import {
  checkStaticPods,
  STATIC_POD_ASSERTIONS,
} from '../../../../src/checks/acceptance/static-pods.ts';

const NODE = 'node-1';
const pods = await shippedPods();
const [running, renamed, whole] = STATIC_POD_ASSERTIONS.map(({ check }) => check);

const NONE = { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] };

/** A container of a shipped pod, of which a test may change something. */
type Container = ContainerFacts & { readonly restartCount: number };

const container = (pod: string, name: string, ends: boolean): Container => ({
  namespace: 'kube-system',
  pod: `${pod}-kios`,
  podUid: `uid-${pod}`,
  sandbox: `5${Buffer.from(pod).toString('hex')}`,
  name,
  id: `c${Buffer.from(pod + name).toString('hex')}`,
  state: ends ? 'exited' : 'running',
  exitCode: 0,
  restartCount: 0,
  spec: {
    process: { user: { uid: 0 }, noNewPrivileges: true, capabilities: NONE },
    root: { readonly: true },
    linux: { seccomp: null },
  },
});

const healthy = (): Container[] =>
  pods.flatMap((pod) => pod.containers.map(({ name, ends }) => container(pod.name, name, ends)));

/** Returns the log of containerd for a node that joined when all these containers had been started. */
const hostLog = (containers: readonly Container[]): string =>
  [
    ...containers.flatMap(({ pod, podUid, sandbox, name, id }) => [
      String.raw`RunPodSandbox for name:\"${pod}\"  uid:\"${podUid}\"  namespace:\"kube-system\" returns sandbox id \"${sandbox}\"`,
      String.raw`CreateContainer within sandbox \"${sandbox}\" for name:\"${name}\" returns container id \"${id}\"`,
      String.raw`StartContainer for \"${id}\" returns successfully`,
    ]),
    'init: {"agent":"init","ev":"kubelet.start","mode":"cluster"}',
  ].join('\n');

const mirror = (of: readonly Container[], pod: string) => ({
  metadata: {
    name: `${pod}-${NODE}`,
    annotations: {
      'kubernetes.io/config.source': 'file',
      'kubernetes.io/config.hash': `uid-${pod}`,
    },
  },
  status: {
    phase: 'Running',
    containerStatuses: of
      .filter((one) => one.pod === `${pod}-kios` && one.state === 'running')
      .map(({ name, id, restartCount }) => ({
        name,
        ready: true,
        restartCount,
        containerID: `containerd://${id}`,
        state: { running: { startedAt: '2026-11-26T00:00:00Z' } },
      })),
  },
});

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-static-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** A node on which these containers are now, and those were before it joined. The API server shows the third ones. */
async function node(
  now: readonly Container[],
  before = healthy(),
  shown: readonly Container[] = now,
): Promise<Subject> {
  const file = path.join(dir, 'hostlogs.log');
  await writeFile(file, hostLog(before));
  const staying = pods.filter(({ ends }) => !ends).map(({ name }) => mirror(shown, name));
  const get = (...args: string[]): Promise<unknown> => {
    const name = args.at(-1);
    if (args.includes('-A')) return Promise.resolve({ items: staying });
    return Promise.resolve(staying.find(({ metadata }) => metadata.name === name));
  };
  const facts = { containers: now };
  const fake: unknown = {
    kubectl: { call: () => Promise.resolve(''), get },
    nodeName: NODE,
    machine: { file: () => file },
    lookAtHost: () => Promise.resolve(facts),
  };
  return fake as Subject; // oxlint-disable-line no-unsafe-type-assertion
}

const change = (name: string, more: Partial<Container>): Container[] =>
  healthy().map((one) => (one.name === name ? { ...one, ...more } : one));

describe('every static pod of the image runs', () => {
  it('on a healthy node, where the one that installs plugins has ended', async () => {
    expect(await running?.(await node(healthy()))).toBe('4 run, 1 ended');
  });

  it.each([
    ['chronyd', { state: 'exited' }, 'chronyd does not run'],
    ['install', { exitCode: 1 }, 'cni/install has not ended with 0'],
    ['render', { state: 'running' }, 'chrony/render has not ended with 0'],
  ] as const)('not when %s has %j', async (name, more, message) => {
    const subject = await node(change(name, more));
    await expect(running?.(subject)).rejects.toThrow(message);
  });
});

describe('kubelet removed the containers of the pod that had ended', () => {
  const cleared = healthy().filter(({ name }) => name !== 'install');

  it('counts as ended after pressure of the disk only', async () => {
    const subject = await node(cleared);
    await expect(running?.(subject)).rejects.toThrow('cni/install has not ended with 0');
    expect(await checkStaticPods(subject, true)).toBe('4 run, 1 ended');
  });

  it.each([
    ['install', { exitCode: 1 }, 'cni/install has not ended with 0'],
    ['render', { state: 'running' }, 'chrony/render has not ended with 0'],
  ] as const)('does not excuse %s with %j', async (name, more, message) => {
    const subject = await node(change(name, more));
    await expect(checkStaticPods(subject, true)).rejects.toThrow(message);
  });

  it('does not excuse a container that stays', async () => {
    const subject = await node(healthy().filter(({ name }) => name !== 'chronyd'), healthy(), healthy()); // prettier-ignore
    await expect(checkStaticPods(subject, true)).rejects.toThrow('chronyd does not');
  });
});

describe('the API server shows the boot before', () => {
  it('when chronyd does not run in this one', async () => {
    const now = change('chronyd', { state: 'exited', exitCode: 1 });
    const subject = await node(now, healthy(), healthy());
    await expect(running?.(subject)).rejects.toThrow('chrony/chronyd does not run');
  });
});

describe('the switch of kubelet into the cluster', () => {
  it('made no container a second time', async () => {
    expect(await whole?.(await node(healthy()))).toBe('no restart');
  });

  it.each(['chronyd', 'watch'])(
    'did with %s, of which the first attempt may never have run',
    async (name) => {
      const subject = await node(change(name, { restartCount: 1 }));
      await expect(whole?.(subject)).rejects.toThrow(`/${name} 1 times`);
    },
  );
});

describe('a change of the host name', () => {
  it('leaves every container as it was', async () => {
    expect(await renamed?.(await node(healthy()))).toBe(`${healthy().length} containers of 5 pods from before`); // prettier-ignore
  });

  it.each([
    ['run', { id: 'cafe' }, /container .* of .*\/run is gone/],
    ['chronyd', { podUid: 'other' }, /moved to another pod/],
    ['watch', { sandbox: 'beef' }, /moved to another pod|another sandbox/],
  ] as const)('is noticed when %s has %j', async (name, more, message) => {
    const subject = await node(change(name, more));
    await expect(renamed?.(subject)).rejects.toThrow(message);
  });

  it('is not proved by a log that begins after it', async () => {
    const subject = await node(healthy(), []);
    await expect(renamed?.(subject)).rejects.toThrow('does not show that bootstrap ran');
  });
});
