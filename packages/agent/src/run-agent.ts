import { EXIT, KiosError } from '@kios/errors';

import type { Logger } from './logger.ts';

export interface AgentContext {
  readonly log: Logger;
  /** Aborted by SIGTERM and SIGINT; every wait of an agent takes it. */
  readonly signal: AbortSignal;
}

export type Agent = (context: AgentContext) => Promise<void>;

/** The container is killed 3 s after SIGTERM; an agent that hangs is ended well before. */
const STOP_DEADLINE_MS = 900;

/** When a daemon is through with its start, and the machine mostly with its boot. */
export const AT_REST_MS = 5000;

/** What images run agents with; under Node there is none. */
declare const Bun: { readonly shrink: () => void } | undefined;

/** Gives back what only the start took: half a megabyte of each daemon, which the runtime would keep until it needs more. */
function shrinkAtRest(): NodeJS.Timeout {
  const shrink = typeof Bun === 'undefined' ? () => undefined : Bun.shrink;
  return setTimeout(shrink, AT_REST_MS).unref();
}

async function exitAfter(last: Promise<void>, code: number): Promise<void> {
  await last;
  process.exit(code);
}

function report(error: unknown, log: Logger): number {
  if (error instanceof KiosError) {
    log.error({ ev: 'failed', err: error });
    return error.exitCode;
  }
  log.error({ ev: 'crash', err: error });
  return EXIT.bug;
}

/**
 * Runs an agent to its end and answers the exit code: 0 when it finished or was asked to stop, the code of the `KiosError` it
 * failed with, 70 for anything else. As process 1 it gets no default signal handlers, so it installs them.
 */
export async function runAgent(agent: Agent, log: Logger): Promise<number> {
  const stop = new AbortController();
  const crash = (error: unknown): void => {
    log.error({ ev: 'crash', err: error });
    void exitAfter(log.close(), EXIT.bug);
  };
  const onSignal = (name: string): void => {
    if (stop.signal.aborted) return;
    log.info({ ev: 'stop', signal: name });
    stop.abort();
    setTimeout(() => process.exit(EXIT.ok), STOP_DEADLINE_MS).unref();
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  process.on('uncaughtException', crash).on('unhandledRejection', crash);
  const atRest = shrinkAtRest();
  try {
    await agent({ log, signal: stop.signal });
    return EXIT.ok;
  } catch (error) {
    return stop.signal.aborted ? EXIT.ok : report(error, log);
  } finally {
    clearTimeout(atRest);
    process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
    process.off('uncaughtException', crash).off('unhandledRejection', crash);
    await log.close();
  }
}
