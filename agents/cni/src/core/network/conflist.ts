/** File name that sorts after those of cluster networks: the container runtime uses the first file in the folder. */
export const CONFLIST = '99-kios-bridge.conflist';

/** First two bytes of the pods' addresses. No other machine knows them, so outside the node's address replaces them. */
export const NETWORK_BYTES = [10, 85] as const;
const SUBNET = `${NETWORK_BYTES.join('.')}.0.0/16`;

/**
 * One bridge in the node. `ipMasq` is off because the plugin would start `iptables` or `nft`, and the host has neither;
 * this agent sets the rule itself. `portmap` needs the same programs for a pod with a `hostPort`. It is listed so that
 * such a pod fails with that reason, instead of running without its port.
 */
const NETWORK = {
  cniVersion: '1.0.0',
  name: 'kios-bridge',
  plugins: [
    {
      type: 'bridge',
      bridge: 'cni0',
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
