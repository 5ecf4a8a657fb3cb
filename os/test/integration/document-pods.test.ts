import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EXIT } from '@kios/errors';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { askKubelet } from '../../src/build/manifests/kubelet/judge.ts';
import { checkDocument } from '../../src/media/configure/agent-check.ts';
import { silent } from '../../src/workstation/progress.ts';

const main = path.resolve(import.meta.dirname, '../../src/main.ts');
const FOLDER = '/etc/kubernetes/manifests';
const POD =
  'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: b, image: c.example/d:1}]}\n';
const SECRET = 'a-secret-of-the-pod';
let dir: string;

/** A document with static pods, by their names. */
const documentOf = (pods: Readonly<Record<string, string>>): string =>
  JSON.stringify({
    apiVersion: 'kios.dev/v1',
    kind: 'NodeBootstrap',
    files: Object.entries(pods).map(([name, content], index) => ({
      path: `${FOLDER}/${name}`,
      ...(index % 2 === 0
        ? { content }
        : { contentBase64: Buffer.from(content).toString('base64') }),
    })),
  });

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-document-pods-'));
  await askKubelet([{ name: 'a', text: '' }], silent);
}, 1_800_000);
afterAll(() => rm(dir, { recursive: true }));

const checkUserData = async (pods: Readonly<Record<string, string>>) => {
  await writeFile(path.join(dir, 'node.yaml'), documentOf(pods));
  const command = [main, 'bootstrap', 'check-userdata', 'node.yaml'];
  return execa(process.execPath, command, { reject: false, stdin: 'ignore', cwd: dir });
};

it('check-userdata names what kubelet would refuse', { timeout: 300_000 }, async () => {
  const { exitCode, stdout, stderr } = await checkUserData({
    'x.yaml': 'apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: x}\n',
    'y.yaml~': 'not: [yaml',
    'z.yaml': POD.replace('image', 'imgae'),
    'good.yaml': POD.replace('name: a', 'name: good'),
  });
  expect(exitCode).toBe(EXIT.config);
  expect(JSON.parse(stdout)).toMatchObject({ verdict: 'refused', fault: { code: 'KIOS_MANIFEST' } });
  expect(stderr).toContain('node.yaml: files.0: x.yaml:2: kind: is apps/v1 DaemonSet');
  expect(stderr).toContain('node.yaml: files.1: y.yaml~:1: is not indented deep enough');
  expect(stderr).toContain('files.2: z.yaml:4: spec.containers[0].imgae: is not a field of this object; the nearest is image');
  expect(stderr).not.toContain('good.yaml');
}); // prettier-ignore

it('check-userdata accepts other pods, and says what they can do but no secret', { timeout: 300_000 }, async () => {
  const pod = POD.replace('image:', `env: [{name: A, value: ${SECRET}}], image:`);
  const { exitCode, stdout, stderr } = await checkUserData({ 'x.yaml': pod });
  expect([exitCode, stderr]).toEqual([0, expect.stringContaining('the pod default/a can do more than an ordinary pod')]);
  expect(stdout + stderr).not.toContain(SECRET);
}); // prettier-ignore

it('check-userdata accepts a pod as kubectl shows it, and names fields without effect', { timeout: 300_000 }, async () => {
  const pod = `apiVersion: v1
kind: Pod
metadata:
  annotations: {kubernetes.io/config.hash: x, kubernetes.io/config.seen: "2026-01-02T03:04:05Z", kubernetes.io/config.source: file}
  creationTimestamp: "2026-01-02T03:04:05Z"
  generation: 1
  name: a-node
  namespace: default
  ownerReferences: [{apiVersion: v1, controller: true, kind: Node, name: node, uid: 00000000-0000-4000-8000-000000000001}]
  resourceVersion: "7"
  uid: 00000000-0000-4000-8000-000000000002
spec:
  containers:
  - image: c.example/d
    imagePullPolicy: Always
    name: b
    terminationMessagePath: /dev/termination-log
    terminationMessagePolicy: File
    volumeMounts: [{mountPath: /v, name: v}]
  dnsPolicy: ClusterFirst
  enableServiceLinks: true
  nodeName: node
  preemptionPolicy: PreemptLowerPriority
  priority: 0
  restartPolicy: Always
  schedulerName: default-scheduler
  securityContext: {seLinuxOptions: {level: s0}}
  terminationGracePeriodSeconds: 30
  tolerations: [{effect: NoExecute, operator: Exists}]
  volumes: [{hostPath: {path: /etc/, type: ""}, name: v}]
status:
  phase: Running
  podIP: 192.0.2.1
  qosClass: BestEffort
`;
  const { exitCode, stderr } = await checkUserData({ 'x.yaml': pod });
  expect(exitCode).toBe(0);
  for (const part of [
    'files.0: x.yaml:11: metadata.uid: is kept',
    'files.0: x.yaml:14: spec.containers[0].image: c.example/d has no fixed version',
    'x.yaml:27: spec.securityContext.seLinuxOptions: has no effect: the node has no SELinux',
    'x.yaml:30: spec.volumes[0].hostPath.path: /etc/ is mounted as /etc',
    'writes the host’s /etc;',
  ])
    expect(stderr).toContain(part);
}); // prettier-ignore

const check = (text: string) => checkDocument(silent, 'node.yaml', Buffer.from(text));

it('configure refuses such a document before anything is written', { timeout: 300_000 }, async () => {
  await expect(check(documentOf({ 'x.yaml': 'kind: Job' }))).rejects.toThrow(
    /^use node\.yaml: files\.0: x\.yaml:1: kind: is Job, must be v1 Pod/,
  );
  const { podWarnings, warnings } = await check(documentOf({ 'x.yaml': POD, 'dhcp.yaml': '' }));
  expect(podWarnings).toHaveLength(1);
  expect(warnings).toEqual([
    { path: 'files.1', why: 'dhcp.yaml is empty: no pod of this name runs' },
  ]);
}); // prettier-ignore
