import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { buildImage } from '../../src/build/image/build-image.ts';
import { imageName } from '../../src/build/shipped.ts';
import { openToolroot } from '../../src/build/sources/debian/toolroot.ts';
import { buildPause } from '../../src/build/sources/upstream/pause.ts';
import { RARE_FEATURES } from '../../src/checks/acceptance/features.ts';
import { askGuest } from '../../src/checks/acceptance/guest.ts';
import { type BootedNode, powerOn, waitReady } from '../../src/lab/boot.ts';
import { startControlPlane } from '../../src/lab/controlplane/controlplane.ts';
import { runOnHost } from '../../src/lab/debug-pod.ts';
import { down } from '../../src/lab/down.ts';
import { Kubectl } from '../../src/lab/kubectl.ts';
import { labMachine, NODE_ADDRESS } from '../../src/lab/node.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import type { SeenEvent } from '../../src/lab/qemu/console.ts';
import { seedFor } from '../../src/lab/seed-document.ts';
import { configure } from '../../src/media/configure/configure.ts';
import { Partition } from '../../src/media/configure/partition.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';
import { archive, writeUserImage } from '../support/user-image.ts';

const BUILD_AND_BOOT_MS = 70 * 60_000;
const EVENT_MS = 120_000;
const NODE = 'by-medium';
const POD = 'from-the-medium';
/** Modules that are in modules.erofs only and that nothing asks for on this machine. */
const RARE = ['enic', 'ublk_drv'];

/** An image that no registry has. */
const IMAGE = 'medium.example/team/app:1';

/** A pod of that image. */
const MANIFEST = `apiVersion: v1
kind: Pod
metadata: {name: ${POD}, namespace: kube-system}
spec:
  automountServiceAccountToken: false
  containers:
    - name: pause
      image: ${IMAGE}
      imagePullPolicy: IfNotPresent
      resources: {limits: {memory: 16Mi}}
      securityContext:
        runAsUser: 65535
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
        seccompProfile: {type: RuntimeDefault}
`;

/** A pod that loads them, as the module loader does for a device. `configure` takes no pod with such rights. */
const LOADER = `apiVersion: v1
kind: Pod
metadata: {name: rare-driver, namespace: kube-system}
spec:
  automountServiceAccountToken: false
  restartPolicy: OnFailure
  containers:
    - name: load
      image: ${imageName('modloader')}
      imagePullPolicy: Never
      args: [load, ${RARE.join(', ')}]
      resources: {limits: {memory: 128Mi}}
      securityContext:
        runAsUser: 0
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL], add: [SYS_MODULE]}
        seccompProfile: {type: RuntimeDefault}
      volumeMounts: [{name: modules, mountPath: /lib/modules, readOnly: true}]
  volumes: [{name: modules, hostPath: {path: /lib/modules, type: Directory}}]
`;

/** What a person drops on the medium by hand, by its path there. */
const BY_HAND = {
  'kios/manifests/rare-driver.manifest': LOADER,
  'kios/manifests/broken.yaml': 'apiVersion: v1\nkind: Pod\nmetadata: {name: broken\n',
  'kios/manifests/notes.bak': 'no pod\n',
  'kios/manifests/secret.yaml':
    'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {p: hunter2}\n',
  'kios/images/half.tar': 'half an archive',
  'kios/bootstrap.yml': 'a name that is nearly right\n',
  'meta-data': 'instance-id: rpi-imager-1\n',
  'user-data': `#cloud-config\nhostname: ${NODE}\ntimezone: Europe/Zurich\n`,
} as const;

// A node that only its medium configures.
await describeRecorded('medium', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  let kubectl: Kubectl;
  let node: BootedNode;
  let dir: string;
  let modules: string;

  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'kios-medium-'));
    await down(silent, { purge: true });
    await ensurePackages(['build', 'machine'], progress);
    const built = await buildImage({ arch: 'amd64', progress });
    modules = built.modules;
    const plane = await startControlPlane({ progress });
    kubectl = await Kubectl.open(plane.adminKubeconfig);
    const machine = labMachine();
    await machine.create(built.image);
    const document = path.join(dir, 'node.yaml');
    const { 'user-data': text } = seedFor({
      instanceId: 'unused',
      endpoint: plane.endpointForGuest,
      caCertHash: plane.caCertHash,
      token: await plane.createBootstrapToken(),
    });
    await writeFile(document, text);
    await configureDisk(machine.file('disk'), document);
    node = await powerOn(machine, {
      accelerator: await chooseAccelerator(),
      memoryMiB: 2048,
      cpus: 2,
      workstationPorts: [plane.apiPort],
    });
    await plane.setNodeForward(NODE_ADDRESS, node.running.kubeletPort);
    await waitReady(node, kubectl, NODE, AbortSignal.timeout(BUILD_AND_BOOT_MS));
  }, BUILD_AND_BOOT_MS);

  async function configureDisk(target: string, bootstrap: string): Promise<void> {
    const { signal } = new AbortController();
    await using undo = new AsyncDisposableStack();
    const manifests = path.join(dir, 'manifests');
    await mkdir(manifests);
    await writeFile(path.join(manifests, 'pod.yaml'), MANIFEST);
    const pause = (await buildPause('amd64', silent)).path;
    const of = { name: IMAGE, arch: 'amd64' };
    const { layout } = await writeUserImage(path.join(dir, 'layout'), pause, of);
    const images = [await archive(layout, path.join(dir, 'app.tar'))];
    const kernelArguments = ['sysctl.vm.swappiness=42', 'mitigations=off'];
    await configure(
      { progress, signal, undo, print: () => {} },
      {
        target,
        wanted: { bootstrap, manifests, images, modules, kernelArguments },
        show: false,
        json: false,
      },
    );
    await using partition = await Partition.open(target, await openToolroot(silent));
    for (const [name, content] of Object.entries(BY_HAND))
      await partition.write(name, Buffer.from(content));
  }

  afterAll(async () => {
    node?.console[Symbol.dispose]();
    await down(silent, { purge: true });
    await rm(dir, { recursive: true, force: true });
  }, 120_000);

  const expectEvent = (ev: string, says: string): Promise<SeenEvent> =>
    node.console.expect(
      `${ev} of ${says}`,
      (event) => event.ev === ev && JSON.stringify(event.fields).includes(says),
      EVENT_MS,
    );

  it(
    'joins by the document in its folder, under the name that Raspberry Pi Imager left',
    async () => {
      const mounted = node.console.events.filter(({ ev }) => ev === 'seed.mounted');
      const labels = mounted.map(({ fields }) => String(fields['label']));
      expect(labels.toSorted()).toEqual(['boot', 'cidata']);
      const joined = await node.console.expect(
        'the agent’s last event',
        ({ ev }) => ev === 'joined',
        EVENT_MS,
      );
      expect(joined.agent).toBe('bootstrap');
      expect((await expectEvent('bad.field', 'timezone')).agent).toBe('bootstrap');
    },
    EVENT_MS,
  );

  it(
    'runs the pod from its folder, of an image from its archive',
    { timeout: 180_000 },
    async () => {
      const pod = ['-n', 'kube-system', `pod/${POD}-${NODE}`];
      await kubectl.wait(['wait', '--for=create', ...pod]);
      const said = await kubectl.wait(['wait', '--for=condition=Ready', ...pod]);
      expect(said).toContain('condition met');
      const ready = await expectEvent('images.ready', IMAGE);
      expect(ready.fields).toMatchObject({ removed: [] });
      const refused = await expectEvent('images.refused', 'half.tar');
      expect(refused.fields).toMatchObject({ code: 'KIOS_INIT_IMAGES' });
    },
  );

  it(
    'names what is broken and what nobody reads, and no secret',
    { timeout: 3 * EVENT_MS },
    async () => {
      const unknown = await expectEvent('seed.unknown', 'bootstrap.yml');
      expect(unknown.fields).toMatchObject({
        names: ['bootstrap.yml', 'manifests/notes.bak'],
        code: 'KIOS_INIT_SEED_UNKNOWN',
      });
      expect(String(unknown.fields['cause'])).toContain(
        'a file in manifests must end in .yaml, .yml, .json or .manifest',
      );
      const broken = await expectEvent('pods.refused', 'broken.yaml');
      expect(broken.fields).toMatchObject({ code: 'KIOS_INIT_MANIFEST' });
      expect(String(broken.fields['cause'])).toMatch(/yaml: line \d/);
      const secret = await expectEvent('pods.refused', 'secret.yaml');
      expect(String(secret.fields['cause'])).toContain('it is no pod');
      expect(JSON.stringify(node.console.events)).not.toContain('hunter2');
    },
  );

  it('has the kernel’s words and settings of its medium', { timeout: 180_000 }, async () => {
    const files = ['/proc/cmdline', '/proc/sys/vm/swappiness'];
    const script = `for (const file of ${JSON.stringify(files)}) process.stdout.write(require('node:fs').readFileSync(file, 'utf8'))`;
    const said = await runOnHost(kubectl, {
      nodeName: NODE,
      command: ['/bin/bun', '-e', script],
    });
    expect(said.trim()).toMatch(/ mitigations=off(?: .*)?\n42$/);
    const refused = node.console.events.filter(({ ev }) => ev === 'arguments.refused');
    expect(refused).toEqual([]);
    const taken = await expectEvent('arguments.taken', 'sysctl.vm.swappiness');
    expect(taken.fields).toMatchObject({ names: ['sysctl.vm.swappiness'] });
  });

  it(
    'has all modules of its kernel, and loads two that the root lacks',
    {
      timeout: 180_000,
    },
    async () => {
      const mounted = await expectEvent('modules.mounted', 'modules.erofs');
      expect(mounted.fields).toMatchObject({ bytes: (await stat(modules)).size });
      const loader = ['-n', 'kube-system', `pod/rare-driver-${NODE}`];
      const done = '--for=jsonpath={.status.phase}=Succeeded';
      await kubectl.wait(['wait', done, ...loader]);
      const script = `process.stdout.write(require('node:fs').readFileSync('/proc/modules', 'utf8'))`;
      const said = await runOnHost(kubectl, {
        nodeName: NODE,
        command: ['/bin/bun', '-e', script],
      });
      for (const name of RARE) expect(said).toMatch(new RegExp(`^${name} \\d+ .* Live `, 'm'));
    },
  );

  it(
    'loads the others at their first use',
    {
      timeout: 180_000,
    },
    async () => {
      const { results } = await askGuest(kubectl, { nodeName: NODE, mode: 'rare' });
      expect([...results]).toEqual(RARE_FEATURES.map((name) => [name, 'ok']));
    },
  );
});
