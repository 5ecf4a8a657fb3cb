import type { PodNetwork } from './pod-network.ts';

/** File name that sorts after those of cluster networks: the container runtime uses the first file in the folder. */
export const CONFLIST = '99-kios-bridge.conflist';

/**
 * One bridge in the node. `ipMasq` is off because the plugin would start `iptables` or `nft`, and the host has neither;
 * this agent sets the rule itself. `portmap`, for pods with a `hostPort`, is init.
 */
const networkOf = ({ bridge, ipv4, ipv6 }: PodNetwork) => ({
  cniVersion: '1.0.0',
  name: 'kios-bridge',
  plugins: [
    {
      type: 'bridge',
      bridge,
      isGateway: true,
      hairpinMode: true,
      ipMasq: false,
      ipam: {
        type: 'host-local',
        // One of each set for a pod.
        ranges: [ipv4, ...(ipv6 === undefined ? [] : [ipv6])].map((subnet) => [{ subnet }]),
        routes: ['0.0.0.0/0', ...(ipv6 === undefined ? [] : ['::/0'])].map((dst) => ({ dst })),
        // In RAM, because after a boot no pod holds an address.
        dataDir: '/run/cni/networks',
      },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
});

/** Returns the content of the file `CONFLIST`. */
export const formatConflist = (network: PodNetwork): string =>
  `${JSON.stringify(networkOf(network), undefined, 2)}\n`;
