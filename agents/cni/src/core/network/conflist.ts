/** Sorts after every name a cluster's network uses: the container runtime takes the first file of the directory. */
export const CONFLIST = '99-kios-bridge.conflist';

/** The first two bytes of the addresses of pods, which no other machine knows: the node's own stands for them outside. */
export const NETWORK_BYTES = [10, 85] as const;
const SUBNET = `${NETWORK_BYTES.join('.')}.0.0/16`;

/**
 * One bridge in the node. `ipMasq` stays off: the plugin would start `iptables` or `nft`, and the host has neither; this agent asks
 * the kernel itself. `portmap` is there although it needs the same for a pod with a `hostPort`: that pod fails with the reason, where it would else be ignored.
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
        // In RAM: after a boot no pod holds an address.
        dataDir: '/run/cni/networks',
      },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
};

export const formatConflist = (): string => `${JSON.stringify(NETWORK, undefined, 2)}\n`;
