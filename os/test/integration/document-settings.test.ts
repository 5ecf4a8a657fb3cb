import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EXIT } from '@kios/errors';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { askKubelet } from '../../src/build/manifests/kubelet/judge.ts';
import { checkDocument } from '../../src/media/configure/agent-check.ts';
import { silent } from '../../src/workstation/progress.ts';

const main = path.resolve(import.meta.dirname, '../../src/main.ts');
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-document-settings-'));
  await askKubelet([{ name: 'a', text: '' }], silent);
}, 1_800_000);
afterAll(() => rm(dir, { recursive: true }));

const documentOf = (rest: string): string =>
  `apiVersion: kios.dev/v1\nkind: NodeBootstrap\n${rest}`;

async function checkUserData(rest: string) {
  await writeFile(path.join(dir, 'node.yaml'), documentOf(rest));
  const command = [main, 'bootstrap', 'check-userdata', 'node.yaml'];
  return execa(process.execPath, command, { reject: false, stdin: 'ignore', cwd: dir });
}

describe('check-userdata and configure refuse', { timeout: 600_000 }, () => {
  it('fields that kubelet does not have, and files that agents read', async () => {
    const { exitCode, stderr } = await checkUserData(`
kubelet: {config: {maxPod: 200, memorySwap: {swapBehavior: LimitedSwap}, containerLogMaxSize: 5Mi}}
files:
  - {path: /etc/kubernetes/manifests/x.yaml, content: "apiVersion: apps/v1\\nkind: DaemonSet\\nmetadata: {name: x}\\n"}
  - {path: /etc/kios/modules/modules.yaml, content: "load: [{name: nfsv4}, {nmae: x}]\\n"}
  - {path: /etc/kios/time/time.yaml, content: "server: [a]\\n"}
  - {path: /etc/kios/dhcp/dhcp.yaml, content: "interfaces: {eth0: {metrik: 5}}"}
`); // prettier-ignore
    expect(exitCode).toBe(EXIT.config);
    for (const part of [
      'kubelet.config.maxPod: is not a field of this object; the nearest is maxPods',
      'files.0: x.yaml:2: kind: is apps/v1 DaemonSet',
      'files.1: line 1: load.1.name: is missing',
      'files.2: line 1: server: is not a known key. Did you mean servers?',
      'files.3: line 1: interfaces.eth0.metrik: is not a known key. Did you mean metric?',
    ])
      expect(stderr).toContain(part);
    expect(stderr).not.toContain('KIOS_BUG');
    expect(stderr).not.toContain('memorySwap');
  });

  it('a file in a place where nobody looks', async () => {
    const { exitCode, stdout } = await checkUserData(
      'files: [{path: /etc/kios/modules.yaml, content: "load: []"}]',
    );
    expect(exitCode).toBe(EXIT.config);
    expect(stdout).toContain(
      '/etc/kios/modules.yaml is read by no program; its place is /etc/kios/modules/modules.yaml',
    );
  });

  it.each<readonly [config: string, says: string]>([
    ['{imageGCHighThresholdPercent: 70}', 'kubelet.config.imageGCHighThresholdPercent: is 70, with which kubelet refuses its configuration: “imageGCLowThresholdPercent'],
    ['{imageGCHighThresholdPercent: 101}', 'kubelet.config.imageGCHighThresholdPercent: is 101, must be from 0 to 100'],
    ['{maxPods: 20, maxParallelImagePulls: 3, serializeImagePulls: true}', 'kubelet.config.maxParallelImagePulls: is 3, with which kubelet refuses its configuration'],
    ['{evictionHard: {memory.available: 5}}', 'kubelet.config.evictionHard.memory.available: must be text; put it in quotes'],
    ['{podsPerCore: -1}', 'kubelet.config.podsPerCore: is -1, must not be negative'],
    ['{featureGates: {NoSuchGate: true}}', 'kubelet.config.featureGates: has NoSuchGate, which kubelet does not know'],
    ['{nodeStatusUpdateFrequency: soon}', 'kubelet.config.nodeStatusUpdateFrequency: must be a duration such as 10s'],
    ['{kubeReserved: [cpu]}', 'kubelet.config.kubeReserved: must be a map'],
    ['{topologyManagerPolicy: Often}', 'kubelet.config.topologyManagerPolicy: is "Often", must be one of best-effort, none, restricted, single-numa-node'],
  ])('%s', async (config, says) => {
    const check = checkDocument(silent, 'node.yaml', Buffer.from(documentOf(`kubelet: {config: ${config}}`)));
    await expect(check).rejects.toThrow(says);
  }); // prettier-ignore

  it('no document whose settings are right', async () => {
    const rest = 'kubelet: {config: {maxPods: 50, podPidsLimit: 100, evictionHard: {memory.available: "5%"}, featureGates: {}}}\nsysctls: {vm.nr_hugepages: 8}\nfiles:\n  - {path: /etc/kios/modules/modules.yaml, content: "load: [{name: tun}]"}\n'; // prettier-ignore
    const { warnings } = await checkDocument(silent, 'node.yaml', Buffer.from(documentOf(rest)));
    expect(warnings).toEqual([]);
  });
});
