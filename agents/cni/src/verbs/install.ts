import { type Argv, command } from '@kios/agent';

import { CONFLIST, NETWORK_BYTES } from '../core/network/conflist.ts';
import { setUpMasquerade } from '../edge/masquerade/masquerade.ts';
import { installNetwork, listPlugins } from '../edge/network/install.ts';

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
    }),
  async run(args, { log, signal }) {
    if (args.check || args.dryRun) {
      const plugins = await listPlugins(args.source);
      if (args.dryRun)
        log.info({ ev: 'plan', plugins, bin: args.bin, net: args.net, file: CONFLIST });
      return;
    }
    await installNetwork(args, log);
    await setUpMasquerade(NETWORK_BYTES, log, signal);
  },
});
