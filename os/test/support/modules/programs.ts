import * as v from 'valibot';

import { imageName } from '../../../src/build/shipped.ts';

const BUN = '/bin/bun';

/** What `LOOK` prints. */
export const Facts = v.object({
  devices: v.array(
    v.object({
      path: v.string(),
      alias: v.string(),
      /** Empty without one. */
      driver: v.string(),
      /** Empty when the driver is built in. */
      module: v.string(),
    }),
  ),
  /** Paths of what the devices' drivers made, by class. */
  made: v.record(v.string(), v.array(v.string())),
  randomness: v.string(),
  modules: v.array(v.string()),
});
export type Facts = v.InferOutput<typeof Facts>;

/** Prints each device with its driver, what the drivers made, and the modules in the kernel. */
export const LOOK = `
const { readdirSync, readFileSync, realpathSync } = require('node:fs');
const read = (file) => { try { return readFileSync(file, 'utf8').trim(); } catch { return ''; } };
const real = (file) => { try { return realpathSync(file); } catch { return ''; } };
const list = (folder) => { try { return readdirSync(folder); } catch { return []; } };
const base = (file) => file.slice(file.lastIndexOf('/') + 1);
const devices = list('/sys/bus').flatMap((bus) => list('/sys/bus/' + bus + '/devices').flatMap((name) => {
  const path = real('/sys/bus/' + bus + '/devices/' + name);
  const alias = read(path + '/modalias');
  if (alias === '') return [];
  const module = real(path + '/driver/module');
  const isLoaded = read(module + '/initstate') === 'live';
  return [{ path, alias, driver: base(real(path + '/driver')), module: isLoaded ? base(module) : '' }];
}));
const made = Object.fromEntries(['net', 'block', 'watchdog'].map((name) =>
  [name, list('/sys/class/' + name).map((each) => real('/sys/class/' + name + '/' + each))]));
console.log(JSON.stringify({
  devices,
  made,
  randomness: read('/sys/class/misc/hw_random/rng_available'),
  modules: read('/proc/modules').split('\\n').map((line) => line.split(' ')[0]),
}));
`;

/** Agent and event of \`KILL\` on the console. */
export const KILLER = 'killer';
export const WATCHING = 'watching';

/** Tells on the console that it watches, waits for a module that is being loaded, and then kills the module loader. */
export const KILL = `
const { readdirSync, readFileSync } = require('node:fs');
const words = (pid) => { try { return readFileSync('/proc/' + pid + '/cmdline', 'latin1').split('\\0'); } catch { return []; } };
const found = readdirSync('/proc').filter((pid) => /^[0-9]+$/.test(pid) && words(pid).includes('--profile=kubernetes'));
if (found.length !== 1) throw new Error('there are ' + found.length + ' module loaders');
const say = JSON.stringify({ agent: '${KILLER}', ev: '${WATCHING}', up: 0 });
require('node:net').connect('/host/run/kios/control/console.sock', function () {
  this.end(say + '\\n', () => {
    const end = Date.now() + 60000;
    for (;;) {
      const loading = / Loading /.exec(readFileSync('/proc/modules', 'latin1'));
      if (loading !== null) break;
      if (Date.now() > end) throw new Error('no module was being loaded');
    }
    process.kill(Number(found[0]), 'SIGKILL');
    const line = readFileSync('/proc/modules', 'latin1').split('\\n').find((each) => each.includes(' Loading '));
    console.log(line === undefined ? '' : line.split(' ')[0]);
  });
});
`;

/** Returns the command that runs a program as text in the watching pod. */
export const inWatcher = (program: string): string[] => [
  'exec',
  'watcher',
  '--',
  BUN,
  '-e',
  program,
];

/** A privileged pod in the host's namespaces, in which the programs above are run. */
export const watcherPod = (nodeName: string): unknown => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'watcher', namespace: 'default' },
  spec: {
    nodeName,
    hostPID: true,
    hostNetwork: true,
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'watcher',
        image: imageName('dhcp'),
        imagePullPolicy: 'Never',
        command: [BUN, '-e', 'setInterval(() => {}, 60000)'],
        env: [{ name: 'HOME', value: '/tmp' }],
        securityContext: { privileged: true },
        volumeMounts: [{ name: 'host', mountPath: '/host' }],
      },
    ],
    volumes: [{ name: 'host', hostPath: { path: '/', type: 'Directory' } }],
  },
});

/** Modules that no device of the machine needs: one loses its signature, one keeps it. */
export const UNSIGNED = 'crc8';
export const SIGNED = 'crc_ccitt';

/** Makes a folder of two modules: the first loses its signature, which is the last part of a file. */
const PREPARE = `
const { mkdirSync, readdirSync, readFileSync, writeFileSync } = require('node:fs');
const release = require('node:os').release();
const from = '/lib/modules/' + release;
const into = '/copies/' + release;
mkdirSync(into);
const files = readdirSync(from, { recursive: true });
const contentOf = (name) => readFileSync(from + '/' + files.find((file) => file.endsWith('/' + name + '.ko')));
const MAGIC = '~Module signature appended~\\n';
const whole = contentOf('crc8');
const end = whole.length - MAGIC.length;
if (whole.toString('latin1', end) !== MAGIC) throw new Error('the module has no signature');
writeFileSync(into + '/crc8.ko', whole.subarray(0, end - 12 - whole.readUInt32BE(end - 4)));
writeFileSync(into + '/crc-ccitt.ko', contentOf('crc-ccitt'));
writeFileSync(into + '/modules.dep', 'crc8.ko:\\ncrc-ccitt.ko:\\n');
`;

/** A pod with the module loader's right that loads both. */
export const unsignedPod = (nodeName: string): unknown => {
  const copies = { name: 'copies', mountPath: '/copies' };
  const common = { imagePullPolicy: 'Never', env: [{ name: 'HOME', value: '/tmp' }] };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'unsigned', namespace: 'default' },
    spec: {
      nodeName,
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      initContainers: [
        {
          ...common,
          name: 'prepare',
          image: imageName('dhcp'),
          command: [BUN, '-e', PREPARE],
          volumeMounts: [copies, { name: 'modules', mountPath: '/lib/modules', readOnly: true }],
        },
      ],
      containers: [
        {
          ...common,
          name: 'load',
          image: imageName('modloader'),
          args: ['load', UNSIGNED, SIGNED, '--modules-dir=/copies'],
          securityContext: {
            runAsUser: 0,
            allowPrivilegeEscalation: false,
            capabilities: { drop: ['ALL'], add: ['SYS_MODULE'] },
          },
          volumeMounts: [{ ...copies, readOnly: true }],
        },
      ],
      volumes: [
        { name: 'copies', emptyDir: {} },
        { name: 'modules', hostPath: { path: '/lib/modules', type: 'Directory' } },
      ],
    },
  };
};
