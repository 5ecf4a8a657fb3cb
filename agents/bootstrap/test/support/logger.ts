import { createLogger, type Logger } from '@kios/agent';

/** Returns a logger that gives each line to `write`, and is silent without one. */
export const testLogger = (write: (line: string) => unknown = () => true): Logger =>
  createLogger('bootstrap', {
    console: { send: () => {}, close: () => Promise.resolve() },
    stdout: { write },
  });
