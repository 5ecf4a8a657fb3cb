import { type Argv, command } from '@kios/agent';

import { NETWORK_BYTES } from '../core/network/conflist.ts';
import { setUpMasquerade } from '../edge/masquerade/masquerade.ts';
import { installNetwork } from '../edge/network/install.ts';

export const installVerb = command({
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
    if (args.check || args.dryRun) return;
    await installNetwork(args, log);
    await setUpMasquerade(NETWORK_BYTES, log, signal);
  },
});
