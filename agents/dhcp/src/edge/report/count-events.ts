import { existsSync } from 'node:fs';
import path from 'node:path';

import { type LogFields, type Logger, writeAtomic } from '@kios/agent';

import { EventCounter } from '../../core/client/metrics.ts';

const WRITE_AFTER_MS = 5000;

/** Returns a logger that also counts events into a file for a collector. Without the file's folder it only logs. */
export function countEvents(log: Logger, file: string): Logger {
  if (!existsSync(path.dirname(file))) return log;
  const counter = new EventCounter();
  let timer: NodeJS.Timeout | undefined;
  const write = (): void => {
    timer = undefined;
    // A full disk is reported when the lease is written. The next event tries again.
    writeAtomic(file, counter.format()).catch(() => undefined);
  };
  const counting =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (fields: LogFields): void => {
      log[level](fields);
      const { ev, link } = fields;
      counter.add(ev, typeof link === 'string' ? link : undefined);
      timer ??= setTimeout(write, WRITE_AFTER_MS).unref();
    };
  return {
    debug: counting('debug'),
    info: counting('info'),
    warn: counting('warn'),
    error: counting('error'),
    close: () => log.close(),
  };
}
