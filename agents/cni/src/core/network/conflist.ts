/** File name that sorts after those of cluster networks: the container runtime uses the first file in the folder. */
export const CONFLIST = '99-kios-bridge.conflist';

/** No other machine knows these addresses, so outside the node's address replaces them. */
export const POD_NETWORK = { bridge: 'cni0', bytes: [10, 85] } as const;
const SUBNET = `${POD_NETWORK.bytes.join('.')}.0.0/16`;

/**
 * One bridge in the node. `ipMasq` is off because the plugin would start `iptables` or `nft`, and the host has neither;
 * this agent sets the rule itself. `portmap`, for pods with a `hostPort`, is init.
 */
const NETWORK = {
  cniVersion: '1.0.0',
  name: 'kios-bridge',
  plugins: [
    {
      type: 'bridge',
      bridge: POD_NETWORK.bridge,
      isGateway: true,
      hairpinMode: true,
      ipMasq: false,
      ipam: {
        type: 'host-local',
        ranges: [[{ subnet: SUBNET }]],
        routes: [{ dst: '0.0.0.0/0' }],
        // In RAM, because after a boot no pod holds an address.
        dataDir: '/run/cni/networks',
      },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
};

/** Returns the content of the file `CONFLIST`. */
export const formatConflist = (): string => `${JSON.stringify(NETWORK, undefined, 2)}\n`;
