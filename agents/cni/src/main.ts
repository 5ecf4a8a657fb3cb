import { command, runProgram } from '@kios/agent';

import { NETWORK_BYTES } from './core/conflist.ts';
import { install } from './edge/install.ts';
import { setUpMasquerade } from './edge/masquerade.ts';

void (async () => {
  process.exitCode = await runProgram({
    name: 'cni',
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
