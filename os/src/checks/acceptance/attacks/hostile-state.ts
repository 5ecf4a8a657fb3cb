import * as v from 'valibot';

import { type Assertion, demand } from '../assertion.ts';
import type { Untrusted } from '../untrusted-node.ts';

const ETC = '/meta/etc';
const RELEASE = 'kios/release.json';
/** A release of another image, by which the clock would start in another year. */
const FORGED = { version: '99.0.0', buildTime: '2099-01-01T00:00:00Z', kernel: '', arch: 'amd64' };

/** What a pod that may write `/etc` can leave on the data partition for the next boot. */
export const HOSTILE_STATE = {
  // Opening it waits for a writer, which never comes.
  [`${ETC}/hostname`]: { fifo: true },
  // Reading it never ends.
  [`${ETC}/kubernetes/manifests/endless.yaml`]: { link: '/proc/kmsg' },
  // The base configuration of containerd and kubelet once lay here. Neither would start with these.
  [`${ETC}/containerd/config.toml`]: { content: 'version = 99\n' },
  [`${ETC}/kubernetes/config.yaml`]: { content: 'kind: Nonsense\n' },
  [`${ETC}/${RELEASE}`]: { content: JSON.stringify(FORGED) },
} as const;

/** The name of a node that nobody named. */
export const OWN_NAME = /^kios-[a-z0-9]{8}$/;

/** Returns the name with which kubelet was started first. */
export async function firstName({ node }: Untrusted): Promise<string> {
  demand(node !== undefined, 'the node was not started');
  const started = await node.console.expect(
    'kubelet’s start',
    ({ agent, ev }) => agent === 'init' && ev === 'kubelet.start',
    300_000,
  );
  return v.parse(v.string(), started.fields['hostname']);
}

/** These hold of the first boot of a disk with the hostile state. */
export const HOSTILE_STATE_CASES: readonly Assertion<Untrusted>[] = [
  {
    name: 'a FIFO as /etc/hostname and an endless file among the manifests: the node boots, under a name of its own',
    check: async (subject) => {
      const name = await firstName(subject);
      demand(OWN_NAME.test(name), `it is called ${name}`);
      const known = subject.own?.name ?? name;
      demand(name === known, `on another disk the same machine was called ${known}, now ${name}`);
      return name;
    },
  },
  {
    name: 'files on the data partition in the place of the image’s: they are ignored, and the console says so',
    check: async ({ node }) => {
      demand(node !== undefined, 'the node was not started');
      const { events } = node.console;
      const start = events.find(({ agent, ev }) => agent === 'init' && ev === 'init.start');
      demand(start?.fields['version'] !== FORGED.version, `init took ${RELEASE} for the image's`);
      const ignored = events
        .filter(({ agent, ev }) => agent === 'init' && ev === 'etc.ignored')
        .map(({ fields }) => String(fields['path']));
      demand(ignored.includes(`/etc/${RELEASE}`), `ignored: ${ignored.join(', ')}`);
      return ignored.join(', ');
    },
  },
];
