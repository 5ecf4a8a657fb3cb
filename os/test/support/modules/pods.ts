import { stringify } from 'yaml';

import { CONSOLE_SOCKET } from '../../../guest/src/scripts.ts';
import { imageName } from '../../../src/build/shipped.ts';
import { RUNTIME_IMAGE, scriptCommand } from '../../../src/lab/guest-program.ts';
import { ARMS, DENIED, DEVICES, LATE_MODULES } from './machine.ts';

/** Names of the pods; the first is the name of its agent on the console too. */
export const WATCHER = 'watcher';
export const UNSIGNED = 'unsigned';

/** Modules that no device of the machine needs: one loses its signature, the other keeps it. */
export const MODULES = { unsigned: 'crc8', signed: 'crc_ccitt' } as const;

const console = { name: 'console', mountPath: CONSOLE_SOCKET };
const consoleVolume = { name: 'console', hostPath: { path: CONSOLE_SOCKET, type: 'Socket' } };

const pod = (name: string, spec: Readonly<Record<string, unknown>>): string =>
  stringify(
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'kube-system' },
      spec: {
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: 1,
        tolerations: [{ operator: 'Exists' }],
        ...spec,
      },
    },
    { lineWidth: 0 },
  );

/** Returns the manifest of the pod that reports devices, modules and the loader's log, and kills the loader. */
export async function watcherManifest(): Promise<string> {
  const command = await scriptCommand('watch-devices', {
    agent: WATCHER,
    socket: CONSOLE_SOCKET,
    devices: Object.fromEntries(
      Object.entries(DEVICES).map(([name, { alias }]) => [name, alias.source]),
    ),
    modules: [DENIED.module, DENIED.dependent, ...Object.values(MODULES)],
    events: ['mod.load', 'mod.denied', 'mod.fail'],
    loads: [DENIED.module, DENIED.dependent, ...LATE_MODULES],
    arms: ARMS.source,
    loader: '--profile=kubernetes',
  });
  const logs = '/var/log/pods';
  return pod(WATCHER, {
    hostNetwork: true,
    hostPID: true,
    containers: [
      {
        name: WATCHER,
        image: RUNTIME_IMAGE,
        imagePullPolicy: 'Never',
        command,
        // The memory map of a process with a right that this one lacks, and SIGKILL.
        securityContext: { runAsUser: 0, capabilities: { add: ['SYS_PTRACE', 'KILL'] } },
        // A request is a share of the processors: those that it watches go first.
        resources: { requests: { cpu: '2m' } },
        volumeMounts: [console, { name: 'logs', mountPath: logs, readOnly: true }],
      },
    ],
    volumes: [consoleVolume, { name: 'logs', hostPath: { path: logs, type: 'Directory' } }],
  });
}

/** Copies both modules. A signature is the last part of a file: itself, 12 bytes with its length, and a line. */
const COPY = `
const { mkdirSync, readdirSync, readFileSync, writeFileSync } = require('node:fs');
const release = require('node:os').release();
const from = '/lib/modules/' + release;
const into = '/copies/' + release;
const LINE = '~Module signature appended~\\n';
const files = readdirSync(from, { recursive: true });
const contentOf = (name) => readFileSync(from + '/' + files.find((file) => file.endsWith('/' + name)));
mkdirSync(into);
const signed = contentOf('crc8.ko');
const end = signed.length - LINE.length;
if (signed.toString('latin1', end) !== LINE) throw new Error('the module has no signature');
writeFileSync(into + '/crc8.ko', signed.subarray(0, end - 12 - signed.readUInt32BE(end - 4)));
writeFileSync(into + '/crc-ccitt.ko', contentOf('crc-ccitt.ko'));
writeFileSync(into + '/modules.dep', 'crc8.ko:\\ncrc-ccitt.ko:\\n');
`;

/** Returns the manifest of a pod in which the module loader loads a module without a signature, and one with it. */
export function unsignedManifest(): string {
  const copies = { name: 'copies', mountPath: '/copies' };
  const modules = '/lib/modules';
  return pod(UNSIGNED, {
    hostNetwork: true,
    restartPolicy: 'Never',
    initContainers: [
      {
        name: 'copy',
        image: RUNTIME_IMAGE,
        imagePullPolicy: 'Never',
        command: ['/bin/bun', '-e', COPY],
        resources: { requests: { cpu: '2m' } },
        volumeMounts: [copies, { name: 'modules', mountPath: modules, readOnly: true }],
      },
    ],
    containers: [
      {
        name: 'load',
        image: imageName('modloader'),
        imagePullPolicy: 'Never',
        args: ['load', MODULES.unsigned, MODULES.signed, '--modules-dir=/copies'],
        securityContext: {
          runAsUser: 0,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'], add: ['SYS_MODULE'] },
        },
        volumeMounts: [{ ...copies, readOnly: true }, console],
      },
    ],
    volumes: [
      consoleVolume,
      { name: 'copies', emptyDir: {} },
      { name: 'modules', hostPath: { path: modules, type: 'Directory' } },
    ],
  });
}
