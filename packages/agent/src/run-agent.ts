import { EXIT, KiosError } from '@kios/errors';

import type { Logger } from './logger.ts';

export interface AgentContext {
  readonly log: Logger;
  /** Aborted by SIGTERM and SIGINT. Every wait of an agent takes it. */
  readonly signal: AbortSignal;
}

export type Agent = (context: AgentContext) => Promise<void>;

/** Kubelet kills the container 3 s after SIGTERM; an agent that hangs ends itself well before that. */
const STOP_DEADLINE_MS = 900;

/** The time after which a daemon has started, and the machine has mostly booted. */
export const AT_REST_MS = 5000;

/** The runtime in the images; undefined under Node. */
declare const Bun: { readonly shrink: () => void } | undefined;

/** Frees the memory that only the start needed, half a megabyte per daemon. The runtime alone would keep it. */
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
 * Runs an agent to its end and returns the exit code: 0 when it finished or was told to stop, the code of the
 * `KiosError` it failed with, 70 for other errors. As process 1 an agent has no default signal handlers, so this
 * installs them.
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
