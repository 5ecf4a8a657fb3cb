import { randomUUID } from 'node:crypto';

import { type Assertion, demand } from '../assertion.ts';
import { createGuest, deleteGuest } from '../guest-pod.ts';
import { resultsOf } from '../guest.ts';

/** Addresses of metadata services: of most clouds, and Azure's second one. */
const IPV4 = ['169.254.169.254', '168.63.129.16'] as const;
/** AWS's. The shipped network gives pods no IPv6, so nobody has to serve it here. */
const IPV6 = 'fd00:ec2::254';
const ALL = [...IPV4, IPV6];

export const METADATA_ASSERTIONS: readonly Assertion[] = [
  {
    name: 'pods cannot reach metadata services, the host’s network can',
    check: async ({ kubectl, nodeName }) => {
      const suffix = randomUUID().slice(0, 8);
      const named = (role: string): string => `metadata-${role}-${suffix}`;
      const [server, host, pod] = [named('server'), named('host'), named('pod')];
      try {
        await createGuest(kubectl, {
          name: server,
          nodeName,
          args: ['metadata-serve', ...IPV4],
          capabilities: ['NET_ADMIN'],
        });
        await resultsOf(kubectl, server, ['metadata']);
        const privileged = { hostNetwork: true } as const;
        await createGuest(kubectl, {
          name: host,
          nodeName,
          args: ['metadata-route', ...IPV4],
          privileged,
        });
        const fromHost = await resultsOf(kubectl, host, IPV4);
        for (const address of IPV4)
          demand(fromHost.get(address) === 'secret', `the host got ${fromHost.get(address)} from ${address}`); // prettier-ignore
        // Not before the host's way leads there: otherwise nothing would be proved.
        await createGuest(kubectl, { name: pod, nodeName, args: ['metadata-ask', ...ALL] });
        const fromPod = await resultsOf(kubectl, pod, ALL);
        for (const address of ALL)
          demand(fromPod.get(address) !== 'secret', `a pod got the secret from ${address}`);
        return ALL.map((address) => `${address}: ${fromPod.get(address)}`).join(', ');
      } finally {
        for (const name of [pod, host, server]) await deleteGuest(kubectl, name);
      }
    },
  },
];
