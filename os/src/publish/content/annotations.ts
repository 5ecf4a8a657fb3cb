import type { Annotations } from '../../build/formats/oci-artifact.ts';
import type { Blob } from '../../build/formats/oci.ts';
import type { BuildRecord } from '../../build/image/record.ts';

/** Name of the image that holds the operating system. */
export const OS = 'os';

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  bootstrap: 'Finds the cluster, verifies it and joins the node',
  'chrony-config': 'Gives chronyd its time sources and reports the state of the clock',
  chrony: 'Debian’s chronyd, which keeps the node’s clock',
  cni: 'Pod network until the cluster brings its own',
  dhcp: 'The node’s IPv4 address, acquired and renewed',
  lifecycle: 'Reboots and powers off its node when the API asks for it',
  modloader: 'Loads the drivers of the machine',
  resize: 'Grows the file system of the data partition',
  update: 'Brings another version of the system onto its node, which goes back by itself',
  toolbox: 'Programs to look at a node with, for kubectl debug node',
  pause: 'Kubernetes’ pause program, which holds the namespaces of a pod',
  [OS]: 'kios.efi: kernel, init, containerd, kubelet and the images of this release',
};

/** Returns what an image’s index says about it (OCI image-spec v1.1, annotations.md). */
export function annotationsOf(name: string, record: BuildRecord): Annotations {
  const { version, time, commit, changed } = record;
  return {
    'org.opencontainers.image.title': `kios ${name}`,
    'org.opencontainers.image.description': DESCRIPTIONS[name] ?? 'A bootstrap agent for kiOS',
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.created': new Date(time * 1000).toISOString(),
    ...(commit === undefined || changed ? {} : { 'org.opencontainers.image.revision': commit }),
  };
}

/** Prefix of the annotations that name the images of a release by digest. */
export const RELEASE = 'dev.kios.image.';

export const releaseAnnotations = (
  publications: readonly { readonly name: string; readonly index: Blob }[],
): Annotations =>
  Object.fromEntries(publications.map(({ name, index }) => [`${RELEASE}${name}`, index.digest]));
