import { type AgentContext, type Argv, command } from '@kios/agent';
import { readState, TimeState } from '@kios/node-state';

import { chronydAt } from '../edge/chronyd/chronyd.ts';
import { SOCKET_FLAG, STATE_FLAG } from './flags.ts';

async function logStatus(
  args: { readonly state: string; readonly socket: string },
  { log, signal }: AgentContext,
): Promise<void> {
  const tracking = await chronydAt(args.socket)
    .tracking(signal)
    .catch(() => undefined);
  log.info({ ev: 'status', ...(await readState(TimeState, args.state)), tracking });
}

export const status = command({
  command: 'status',
  describe: 'Log the state of the clock: as published by watch, and as chronyd reports it now',
  builder: (args: Argv) => args.options({ state: STATE_FLAG, socket: SOCKET_FLAG }),
  run: logStatus,
});
