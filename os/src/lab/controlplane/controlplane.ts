import { rm } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import * as v from 'valibot';

import { buildUpstream } from '../../build/sources/upstream/build.ts';
import { workstationArch } from '../../workstation/arch.ts';
import { makePrivateDir, readIfThere, writePrivate } from '../../workstation/files.ts';
import { freePort, isPortFree } from '../../workstation/free-port.ts';
import type { Progress } from '../../workstation/progress.ts';
import { ApiClient, type ApiObject } from './api-client.ts';
import { bootstrapObjects, newBootstrapToken } from './bootstrap-objects.ts';
import { caCertHash } from './certificates.ts';
import {
  authentication,
  componentArguments,
  type ComponentName,
  COMPONENTS,
  configFile,
  egressSelector,
} from './components.ts';
import {
  daemonState,
  type DaemonState,
  expectRunning,
  startDaemon,
  stopDaemon,
  waitUntil,
} from './daemon.ts';
import { writeForward } from './forwards.ts';
import { formatKubeconfig } from './kubeconfig.ts';
import { WORKSTATION_SEEN_BY_GUEST, layout, SOCKETS } from './layout.ts';
import { ensurePki, type LeafName, type Pki } from './pki.ts';

const READY_MS = 120_000;
const OBJECTS_MS = 60_000;
const TOKEN_MS = 24 * 3600 * 1000;

const SERVERS = ['etcd', 'egress-proxy', 'kube-apiserver'] as const;
const CONTROLLERS = ['kube-controller-manager', 'kube-scheduler'] as const;

/** A running control plane, as its callers see it. */
export interface ControlPlane {
  /** File of the administrator's kubeconfig, for use on the workstation. */
  readonly adminKubeconfig: string;
  readonly apiPort: number;
  /** URL of the API server for a guest of QEMU's user network. */
  readonly endpointForGuest: string;
  readonly caPem: string;
  /** `sha256:<hex>` of the CA's public key. */
  readonly caCertHash: string;
  /** Makes a token with which nodes can join for a day. */
  createBootstrapToken(): Promise<string>;
  /** Lets the API server reach the kubelet at `nodeAddress`, or `OTHERS`, through `localPort` of 127.0.0.1. */
  setNodeForward(nodeAddress: string, localPort: number): Promise<void>;
}

const Settings = v.strictObject({ apiPort: v.pipe(v.number(), v.integer()) });

/** Reads the API server's port. It is chosen once, because joined nodes keep it. */
async function ensureSettings(): Promise<v.InferOutput<typeof Settings>> {
  const text = await readIfThere(layout.settings);
  if (text !== undefined) return v.parse(Settings, JSON.parse(text));
  const settings = { apiPort: await freePort() };
  await writePrivate(layout.settings, JSON.stringify(settings));
  return settings;
}

/** Fails when another program has the API server's port. */
async function expectPort(apiPort: number): Promise<void> {
  if ((await daemonState('kube-apiserver')).state === 'running' || (await isPortFree(apiPort)))
    return;
  throw new KiosError(
    'KIOS_CP_PORT',
    `start kube-apiserver: another program listens on 127.0.0.1:${apiPort}`,
    {
      exitCode: EXIT.unavailable,
      remedy: 'End that program, or run ./kios down --purge: the next cluster gets another port.',
    },
  );
}

async function writeConfiguration(pki: Pki, apiPort: number): Promise<void> {
  const kubeconfig = (name: LeafName): string =>
    formatKubeconfig({
      server: `https://127.0.0.1:${apiPort}`,
      caPem: pki.authority.certificate,
      user: name,
      credentials: pki.leaves[name],
    });
  await writePrivate(layout.adminKubeconfig, kubeconfig('admin'));
  await writePrivate(configFile('controllerManager'), kubeconfig('controller-manager'));
  await writePrivate(configFile('scheduler'), kubeconfig('scheduler'));
  await writePrivate(configFile('egress'), egressSelector());
  await writePrivate(configFile('authentication'), authentication());
}

type Commands = Readonly<Record<ComponentName, readonly string[]>>;

async function commandsFor(apiPort: number, progress: Progress): Promise<Commands> {
  const args = componentArguments(apiPort);
  const built = await buildUpstream(Object.keys(args), workstationArch(), progress);
  const command = (name: keyof typeof args): string[] => [built.get(name)!.path, ...args[name]];
  const proxy = path.join(import.meta.dirname, 'egress-proxy-main.ts');
  return {
    etcd: command('etcd'),
    'egress-proxy': [process.execPath, proxy, SOCKETS.egress, layout.forwards],
    'kube-apiserver': command('kube-apiserver'),
    'kube-controller-manager': command('kube-controller-manager'),
    'kube-scheduler': command('kube-scheduler'),
  };
}

/** Starts the processes in order and returns when the API server serves; the controllers need some seconds more. */
async function startProcesses(
  commands: Commands,
  api: ApiClient,
  objects: readonly ApiObject[],
  note: (detail: string) => void,
): Promise<void> {
  const start = async (name: ComponentName): Promise<void> => {
    note(name);
    await startDaemon({ name, command: commands[name] });
  };
  for (const name of SERVERS) await start(name);
  note('API server: waiting');
  await waitUntil(SERVERS, () => api.isReady(), 'the API server', READY_MS);
  for (const name of CONTROLLERS) await start(name);
  note('objects for joining nodes');
  // Their namespaces appear a moment after the server is ready.
  const applied = async (): Promise<boolean> => {
    const results = await Promise.all(objects.map((object) => api.apply(object)));
    return results.every(Boolean);
  };
  await waitUntil(COMPONENTS, applied, 'the system namespaces', OBJECTS_MS);
  await expectRunning(COMPONENTS);
}

/** Starts what does not run yet, and returns when the API server serves and nodes can join. */
export async function startControlPlane({
  progress,
}: {
  readonly progress: Progress;
}): Promise<ControlPlane> {
  await makePrivateDir(layout.home);
  await makePrivateDir(layout.etcdData);
  const { apiPort } = await ensureSettings();
  await expectPort(apiPort);
  const pki = await ensurePki();
  await writeConfiguration(pki, apiPort);
  const commands = await commandsFor(apiPort, progress);
  const caPem = pki.authority.certificate;
  const api = new ApiClient(apiPort, caPem, pki.leaves.admin);
  const endpointForGuest = `https://${WORKSTATION_SEEN_BY_GUEST}:${apiPort}`;
  try {
    await progress.task('start the control plane', (note) =>
      startProcesses(commands, api, bootstrapObjects(endpointForGuest, caPem), note),
    );
  } finally {
    api.close();
  }
  return {
    adminKubeconfig: layout.adminKubeconfig,
    apiPort,
    endpointForGuest,
    caPem,
    caCertHash: caCertHash(caPem),
    createBootstrapToken: async () => {
      const { token, secret } = newBootstrapToken(new Date(Date.now() + TOKEN_MS));
      const client = new ApiClient(apiPort, caPem, pki.leaves.admin);
      await client.apply(secret).finally(() => client.close());
      return token;
    },
    setNodeForward: (nodeAddress, localPort) =>
      writeForward(layout.forwards, nodeAddress, localPort),
  };
}

/** Ends every process of the control plane; its data stays. */
export async function stopControlPlane(): Promise<void> {
  for (const name of COMPONENTS.toReversed()) await stopDaemon(name);
}

/** Returns the state of each process. */
export async function controlPlaneProcesses(): Promise<ReadonlyMap<ComponentName, DaemonState>> {
  const states = await Promise.all(
    COMPONENTS.map(async (name) => [name, await daemonState(name)] as const),
  );
  return new Map(states);
}

/** In state `broken` only some of the processes run. */
export type ControlPlaneStatus = 'running' | 'stopped' | 'broken';

export async function controlPlaneStatus(): Promise<ControlPlaneStatus> {
  const states = [...(await controlPlaneProcesses()).values()].map(({ state }) => state);
  if (states.every((state) => state === 'running')) return 'running';
  return states.includes('running') ? 'broken' : 'stopped';
}

/** Returns the file of the administrator's kubeconfig, which exists while there is a cluster. */
export const adminKubeconfigPath = (): string => layout.adminKubeconfig;

/** Ends the control plane and removes its data. */
export async function purgeControlPlane(): Promise<void> {
  await stopControlPlane();
  try {
    await rm(layout.home, { recursive: true, force: true });
  } catch (cause) {
    throw new KiosError('KIOS_CP_PURGE', `remove ${layout.home}`, { cause, exitCode: EXIT.system });
  }
}
