import { command, runProgram } from '@kios/agent';

import { NETWORK_BYTES } from './core/network/conflist.ts';
import { setUpMasquerade } from './edge/masquerade/masquerade.ts';
import { install } from './edge/network/install.ts';

void (async () => {
  process.exitCode = await runProgram({
    name: 'cni',
    version: '0.1.0',
    commands: [
      command({
        command: 'install',
        describe: 'install the CNI plugins and the bridge network of this node',
        builder: (args) =>
          args.options({
            source: { type: 'string', default: '/cni/bin' },
            bin: { type: 'string', default: '/opt/cni/bin' },
            net: { type: 'string', default: '/etc/cni/net.d' },
          }),
        async run(args, { log, signal }) {
          if (args.check || args.dryRun) return;
          await install(args, log);
          await setUpMasquerade(NETWORK_BYTES, log, signal);
        },
      }),
    ],
  });
})();
