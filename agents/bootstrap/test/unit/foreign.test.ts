import { describe, expect, it, vi } from 'vitest';

import { parseBytes } from '../../src/core/document/document.ts';
import { ForeignError, foreignOf } from '../../src/core/document/foreign.ts';
import { fillDocuments } from '../../src/core/document/formats/template.ts';
import { BootstrapError } from '../../src/core/faults/errors.ts';
import { LINE, TOKEN } from '../support/carriers.ts';
import { parseDocument } from '../support/documents.ts';

/** Texts for other programs, as their tools and pages show them, shortened. */
const FOREIGN: readonly (readonly [name: string, text: string, what: string, instead: string])[] = [
  ['cloud-config', '#cloud-config\nusers: []\n', 'cloud-config', 'runs kubeadm join'],
  ['cloud-config behind blank lines', '\n\n#cloud-config\nusers: []\n', 'cloud-config', ''],
  ['a template of it', '## template: jinja\n#cloud-config\nusers: []\n', 'cloud-config', ''],
  ['an archive', '#cloud-config-archive\n- type: text/cloud-config\n', 'an archive', 'MIME'],
  ['a patch', '#cloud-config-jsonp\n[{"op": "add"}]\n', 'a patch', ''],
  ['addresses', '#include\nhttps://example.com/user-data\n', 'addresses', 'kios.config='],
  ['addresses for once', '#include-once\nhttps://example.com/u\n', 'addresses', 'kios.config='],
  ['a boot hook', '#cloud-boothook\n#!/bin/sh\necho\n', 'a script for cloud-init', 'executed'],
  ['a part handler', '#part-handler\ndef list_types(): return []\n', 'a program', 'executed'],
  ['an upstart job', '#upstart-job\nstart on stopped\n', 'a script for cloud-init', 'executed'],
  ['a template of anything', '## template: jinja\n#!/bin/sh\necho {{ v1.region }}\n', 'a script', ''],
  ['a shell script', '#!/bin/bash\nset -e\napt-get update\n', 'a script', 'kubeadm join line alone'],
  ['a script that joins', `#!/bin/bash\n${LINE}\n`, 'a script', 'kubeadm join line alone'],
  ['a script of EKS', '#!/bin/bash\n/etc/eks/bootstrap.sh prod --b64-cluster-ca QUJD\n', 'Amazon Linux 2', 'NodeConfig'],
  ['PowerShell', '<powershell>\nGet-Service\n</powershell>\n', 'Windows', ''],
  ['a Windows batch', '<script>\necho hi\n</script>', 'Windows', ''],
  ['PowerShell by header', '#ps1_sysnative\nGet-Service\n', 'Windows', ''],
  ['Ignition', '{"ignition": {"version": "3.4.0"}}', 'Ignition', 'cloud-config'],
  ['Ignition on lines', '{\n  "storage": {},\n  "ignition" : {"version": "3.3.0"}\n}\n', 'Ignition', ''],
  ['Butane', 'variant: fcos\nversion: 1.5.0\npasswd: {}\n', 'Butane', 'bootstrap document'],
  ['Butane of Flatcar', '# for k8s\nvariant: flatcar\nversion: 1.0.0\n', 'Butane', ''],
  ['Talos', 'version: v1alpha1\ndebug: false\nmachine:\n  type: worker\ncluster:\n  id: x\n', 'Talos', 'Talos takes only'],
  ['Talos in several documents', 'version: v1alpha1\nmachine: {type: worker}\n---\napiVersion: v1alpha1\nkind: HostnameConfig\n', 'Talos', ''],
  ['k3s', 'server: https://192.0.2.1:6443\ntoken: K10abc\nnode-label: [a=b]\n', 'k3s', 'k3s takes only'],
  ['RKE2', 'server: https://192.0.2.1:9345\ntoken: abc\n', 'RKE2', 'RKE2 takes only'],
  ['RKE2 of the first server', 'token: abc\ncni: cilium\ntls-san: [a]\n', 'RKE2', ''],
  ['k3s in cloud-config', '#cloud-config\nruncmd:\n- curl -sfL https://get.k3s.io | sh -\n', 'k3s', ''],
  ['RKE2 of Cluster API', '#cloud-config\nwrite_files:\n- {path: /etc/rancher/rke2/config.yaml, content: x}\n', 'RKE2', ''],
  ['a control plane of Cluster API', '#cloud-config\nruncmd:\n- kubeadm init --config /run/kubeadm/kubeadm.yaml\n', 'a control plane', 'worker'],
  ['the secret of Cluster API on AWS', '#cloud-boothook\n#!/bin/bash\naws secretsmanager get-secret-value\n', 'Secrets Manager', 'insecureSkipSecretsManager'],
  ['a kubeconfig', 'apiVersion: v1\nkind: Config\nclusters: []\nusers: [{user: {token: s3cret}}]\n', 'a kubeconfig', 'auth.kubeconfig'],
  ['a kubeconfig in JSON', '{"kind": "Config", "apiVersion": "v1", "clusters": []}', 'a kubeconfig', ''],
  ['a KubeadmConfig', 'apiVersion: bootstrap.cluster.x-k8s.io/v1beta1\nkind: KubeadmConfigTemplate\nspec: {}\n', 'Cluster API', 'Apply it there'],
  ['a MachineDeployment', '---\napiVersion: cluster.x-k8s.io/v1beta1\nkind: MachineDeployment\n', 'Cluster API', ''],
  ['Bottlerocket', '[settings.kubernetes]\ncluster-name = "prod"\n', 'Bottlerocket', 'NodeConfig'],
  ['Bottlerocket with other settings', '[settings.host-containers.admin]\nenabled = true\n\n[settings]\n', 'Bottlerocket', ''],
  ['kube-env', 'CLUSTER_NAME: prod\nKUBELET_ARGS: --v=2\nKUBERNETES_MASTER_NAME: 192.0.2.1\n', 'kube-env', 'user-data'],
  ['k0s in cloud-config', '#cloud-config\nruncmd:\n- k0s install worker --token-file /etc/k0s.token\n', 'k0s', 'k0s takes only'],
  ['MicroK8s in cloud-config', '#cloud-config\nruncmd:\n- microk8s join 192.0.2.1:25000/s3cret\n', 'MicroK8s', 'MicroK8s takes only'],
  ['the environment of k3s', 'K3S_URL=https://192.0.2.1:6443\nK3S_TOKEN=s3cret\n', 'k3s', 'k3s takes only'],
  ['a ClusterConfig of eksctl', 'apiVersion: eksctl.io/v1alpha5\nkind: ClusterConfig\nmetadata: {name: shop}\n', 'a tool', 'Apply it there'],
  ['an EC2NodeClass of Karpenter', 'apiVersion: karpenter.k8s.aws/v1\nkind: EC2NodeClass\n', 'a tool', 'Apply it there'],
  ['a cluster of k0sctl', 'apiVersion: k0sctl.k0sproject.io/v1beta1\nkind: Cluster\n', 'a tool', 'Apply it there'],
  ['a Container Linux Config', '# no variant\npasswd:\n  users: []\nstorage: {}\n', 'Butane', 'bootstrap document'],
  ['a node of Harvester', 'scheme_version: 1\nserver_url: https://192.0.2.1\ntoken: s3cret\ninstall: {mode: join}\n', 'Harvester', 'bootstrap document'],
  ['cloud-config with a blank in its first line', '# cloud-config\nusers: []\n', 'without its first line', '#cloud-config'],
  ['cloud-config behind a comment', '# mine\n#cloud-config\nruncmd: [ls]\n', 'without its first line', '#cloud-config'],
  ['cloud-config of a name alone', 'hostname: web-1\nfqdn: web-1.example.com\nmanage_etc_hosts: true\n', 'without its first line', '#cloud-config'],
  ['an autoinstall file', 'autoinstall:\n  version: 1\n', 'without its first line', '#cloud-config'],
  ['a script of nodeadm', '#!/bin/bash\ncat > /n.yaml <<EOF\nkind: NodeConfig\nEOF\nnodeadm init -c file:///n.yaml\n', 'nodeadm', 'NodeConfig'],
  ['a patch of Talos', 'machine:\n  kubelet:\n    extraArgs: {}\n', 'Talos', ''],
  ['the line that installs k3s', 'curl -sfL https://get.k3s.io | K3S_URL=https://192.0.2.1:6443 K3S_TOKEN=s3cret sh -\n', 'k3s', 'k3s takes only'],
  ['the line that installs RKE2', '$ curl -sfL https://get.rke2.io | INSTALL_RKE2_TYPE=agent sh -\n', 'RKE2', 'RKE2 takes only'],
  ['the environment of RKE2', 'RKE2_URL=https://192.0.2.1:9345\nRKE2_TOKEN=s3cret\n', 'RKE2', ''],
  ['the line of MicroK8s', 'microk8s join 192.0.2.1:25000/s3cret/f00 --worker\n', 'MicroK8s', 'MicroK8s takes only'],
  ['the line of k0s', 'k0s install worker --token-file /etc/k0s.token\n', 'k0s', 'k0s takes only'],
  ['Kickstart without its version', 'lang en_US.UTF-8\nrootpw --lock\n%packages\n@core\n%end\n', 'an answer file', ''],
  ['Preseed behind a comment', '# preseed\nd-i debian-installer/locale string en_US\n', 'an answer file', ''],
  ['k3OS', '#cloud-config\nk3os: {server_url: x}\n', 'k3s', ''],
  ['Kickstart', '#version=RHEL9\nlang en_US\n', 'an answer file', ''],
  ['Preseed', 'd-i debian-installer/locale string en_US\n', 'an answer file', ''],
  ['Unattend', '<?xml version="1.0"?>\n<unattend xmlns="urn:x"></unattend>', 'Windows', ''],
  ['cloud-config of GKE', '#cloud-config\nwrite_files:\n- {path: /etc/systemd/system/kube-node-installation.service}\n', 'GKE', ''],
]; // prettier-ignore

describe.each(FOREIGN)('%s', (_name, text, what, instead) => {
  it(`is ${what}, and what to do instead is one sentence`, () => {
    const foreign = foreignOf(text);
    expect(foreign?.what).toContain(what);
    expect(foreign?.instead).toContain(instead);
    expect(foreign?.instead).toMatch(/^[A-Z][^.\n]*(?:\.\w[^.\n]*)*$/);
    expect(JSON.stringify(foreign)).not.toContain('s3cret');
  });

  it('is absent for a node, and an error where somebody names it as a document', () => {
    const reader = { gunzip: (bytes: Uint8Array) => bytes, names: {} };
    expect(parseBytes('u', new TextEncoder().encode(text), reader).tag).toBe('foreign');
    expect(() => parseDocument('node.yaml', text)).toThrow(ForeignError);
    expect(() => parseDocument('node.yaml', text)).toThrow(/^read node\.yaml: it is /);
  });
});

const HEAD = 'apiVersion: kios.dev/v1\nkind: NodeBootstrap\n';

describe('a document for a node', () => {
  it.each([
    ['with a comment that speaks of another program', `# cloud-config of k3s\n${HEAD}`],
    ['whose files hold texts for others', `${HEAD}files:\n- path: /etc/kios/x\n  content: |\n    variant: fcos\n    #cloud-config\n`],
    ['beside a kubeconfig', `apiVersion: v1\nkind: Config\n---\napiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n`],
    ['in JSON', '{"apiVersion": "kios.dev/v1", "kind": "NodeBootstrap", "node": {"name": "machine"}}'],
    ['as a line', LINE],
    ['as a line below a comment', `# k3s was here\n${LINE}`],
    ['with a typing error', 'apiVersion: kios.dev/v1\nkind: NodeBootstrp\nserver: a\n'],
    ['whose server is the only key', 'server: https://192.0.2.1\n'],
  ])('%s is not foreign', (_name, text) => {
    expect(foreignOf(text)).toBeUndefined();
  }); // prettier-ignore
});

function messageOf(text: string): string {
  try {
    parseDocument('node.yaml', text);
  } catch (error) {
    if (error instanceof BootstrapError) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'accepted';
}

describe('what is in none of the forms', () => {
  it.each([
    ['a list', '- a\n', 'found a list;'],
    ['text', `token ${TOKEN}\n`, 'found text;'],
    ['a number', '5\n', 'found a number;'],
    ['another kind', 'apiVersion: apps/v1\nkind: Deployment\n', 'found apps/v1 Deployment;'],
    ['a map of others', 'foo: 1\nbar: 2\nbaz: 3\nqux: 4\n', 'found a map with foo, bar, baz;'],
    ['a map of secrets', `"${'x y'.repeat(9)}": 1\n`, 'found a map;'],
  ])('%s is told, with the forms that are read', (_name, text, found) => {
    const message = messageOf(text);
    expect(message).toContain(`KIOS_BOOTSTRAP_FIELD read node.yaml: (top): ${found}`);
    expect(message).toMatch(/NodeBootstrap.*kubeadm join.*JoinConfiguration.*NodeConfig.*MIME/);
    expect(message).not.toContain(TOKEN);
  });

  it.each([
    ['commands', `cat <<EOF >join.yaml\napiVersion: v1\nkind: x\nEOF\nkubeadm join --config join.yaml\n`, 'line 1, column 1'],
    ['settings of systemd', '# mine\n[Match]\nName=eth0\n', 'line 3, column 1'],
  ])('%s that are no YAML are told so, with the forms that are read', (_name, text, where) => {
    expect(messageOf(text)).toContain(`KIOS_BOOTSTRAP_DOCUMENT read node.yaml: ${where}`);
    expect(messageOf(text)).toMatch(/; read are NodeBootstrap.*kubeadm join/);
  }); // prettier-ignore

  it('YAML with a slip is told by its place alone', () => {
    const text = `# mine\n---\n${HEAD}node: {name: "a}\n`;
    expect(messageOf(text)).toMatch(
      /line 6, column 1: the text lacks a character, such as a closing quote, a comma or a colon$/,
    );
  });

  it.each([
    ['without its head', 'cluster: {endpoint: x}\n', 'apiVersion: is required; kind: is required'],
    ['with a wrong kind', 'apiVersion: kios.dev/v1\nkind: Node\n', 'kind: must be NodeBootstrap'],
    ['with a text for a map', `${HEAD}node: 5\n`, 'node: must be a map'],
  ])('a document of ours %s is one', (_name, text, why) => {
    expect(messageOf(text)).toContain(why);
  });
});

describe('an empty file', () => {
  it.each(['', ' \n\n', '# nothing\n# yet: here\n', '# for example:\n# kubeadm join a:6443 --token x\n', '---\n', '\n---\n# a\n...\n', 'null\n', '--- null\n', '{}', '{ }\n'])('%j is absent', (text) => {
    const reader = { gunzip: (bytes: Uint8Array) => bytes, names: {} };
    expect(parseBytes('u', new TextEncoder().encode(text), reader)).toEqual({ tag: 'empty' });
  }); // prettier-ignore
});

it('leaves the printing of faults to the log, which hides secrets', () => {
  const warned = vi.spyOn(process, 'emitWarning');
  fillDocuments('user-data', 'a: "{{ hostname }}"\n? { password: s3cret }\n: x\n', {});
  expect(warned).not.toHaveBeenCalled();
  warned.mockRestore();
});
