import { type AgentContext, type Argv, command } from '@kios/agent';
import { readState, readStateIfThere, TimeState } from '@kios/node-state';

import type { Measurement } from '../core/chronyd/candm.ts';
import { chronydAt } from '../edge/chronyd/chronyd.ts';
import { notesFile, SourceNotes } from '../edge/sources/source-report.ts';
import { OUT_FLAG, SOCKET_FLAG, STATE_FLAG } from './flags.ts';

interface StatusArgs {
  readonly state: string;
  readonly socket: string;
  readonly out: string;
}

/** Returns what became of each server that an origin names, with what chronyd measures of those in use. */
async function explainSources(
  { out }: StatusArgs,
  measured: readonly Measurement[],
): Promise<readonly object[] | undefined> {
  const notes = await readStateIfThere(SourceNotes, notesFile(out)).catch(() => undefined);
  return notes?.sources.map((note) => {
    const own = measured.find(({ source }) => source === (note.address ?? note.host));
    return own === undefined ? note : { ...note, reachable: own.isReachable, offset: own.offset };
  });
}

async function logStatus(args: StatusArgs, { log, signal }: AgentContext): Promise<void> {
  const chronyd = chronydAt(args.socket);
  const tracking = await chronyd.tracking(signal).catch(() => undefined);
  const measured = await chronyd.measurements(signal).catch(() => []);
  const state = await readState(TimeState, args.state);
  log.info({ ev: 'status', ...state, tracking, sources: await explainSources(args, measured) });
}

export const status = command({
  command: 'status',
  describe:
    'Log the state of the clock, as published by watch and as chronyd reports it now, and what became of each server that time.yaml, the platform or a lease names',
  isReadOnly: true,
  builder: (args: Argv) => args.options({ state: STATE_FLAG, socket: SOCKET_FLAG, out: OUT_FLAG }),
  run: logStatus,
});
