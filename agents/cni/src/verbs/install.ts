import { type Argv, command } from '@kios/agent';

import { CONFLIST } from '../core/network/conflist.ts';
import { podNetwork } from '../core/network/pod-network.ts';
import { hasIpv6 } from '../edge/network/has-ipv6.ts';
import {
  installOwnPlugins,
  installNetwork,
  installPlugins,
  listPlugins,
} from '../edge/network/install.ts';
import { readPods } from '../edge/network/read-pods.ts';
import { setPodRules } from '../edge/rules/set-rules.ts';

export const install = command({
  command: 'install',
  describe: 'Install the CNI plugins and the bridge network of this node',
  builder: (args: Argv) =>
    args.options({
      source: {
        type: 'string',
        default: '/cni/bin',
        describe: 'Folder of the plugins in the image',
      },
      bin: {
        type: 'string',
        default: '/opt/cni/bin',
        describe: 'Folder on the host for plugins',
      },
      net: {
        type: 'string',
        default: '/etc/cni/net.d',
        describe: 'Folder on the host for network configurations',
      },
      boot: {
        type: 'string',
        default: '/run/cni/net.d',
        describe: 'Folder on the host for the network of this boot, in RAM',
      },
      network: {
        type: 'string',
        array: true,
        default: ['/run/kios/host/network.yaml', '/etc/kios/dhcp/network.yaml'],
        describe: 'Network files; the first that exists says whether pods are on the segment',
      },
      judgement: {
        type: 'string',
        default: '/var/lib/kios/dhcp/network.json',
        describe: 'What the DHCP agent keeps of the network file: which one counts',
      },
    }),
  async run(args, { log, signal }) {
    if (args.check || args.dryRun) {
      const plugins = await listPlugins(args.source);
      if (args.dryRun)
        log.info({ ev: 'plan', plugins, bin: args.bin, net: args.net, file: CONFLIST });
      return;
    }
    await installPlugins(args, log);
    await installOwnPlugins(args);
    const network = podNetwork(await hasIpv6());
    await setPodRules(network, log, signal);
    const pods = await readPods({ files: args.network, judgement: args.judgement }, log);
    await installNetwork(args, network, pods, log);
  },
});
