import { readFileSync } from 'node:fs';

import { pino } from 'pino';

import { type ConsoleSocket, openConsole } from './console-socket.ts';
import { errorFields } from './error-fields.ts';
import { standardOutput } from './standard-output.ts';

const DEFAULT_CONSOLE = '/run/kios/control/console.sock';
const LEVELS = ['debug', 'info', 'warn', 'error'];
const WARN = 40;
const METADATA: unique symbol = Symbol.for('pino.metadata');

type LogFn = (fields: LogFields) => void;

/** One event, named by `ev`. The operator's console shows it if `console` is true, and every warning and error. */
export interface LogFields {
  readonly ev: string;
  readonly console?: boolean;
  readonly err?: unknown;
  readonly [field: string]: unknown;
}

export interface Logger {
  readonly debug: LogFn;
  readonly info: LogFn;
  readonly warn: LogFn;
  readonly error: LogFn;
  /** Sends the lines still queued for the console. Waits a fraction of a second at most. */
  close(): Promise<void>;
}

function readUptime(): number {
  try {
    return Number.parseFloat(readFileSync('/proc/uptime', 'latin1')) || 0;
  } catch {
    return 0;
  }
}

/** The uptime at which this process began, in seconds. Reading it for each line would cost most of the line. */
const startedAt = readUptime() - performance.now() / 1000;

/** Returns the uptime in seconds, which orders lines while the wall clock still jumps. A node is never suspended. */
const upSeconds = (): string => (startedAt + performance.now() / 1000).toFixed(2);

interface Sink {
  readonly console: ConsoleSocket;
  readonly stdout: { write: (line: string) => unknown };
}

/** Routes lines by level: pino sets `lastLevel` and `lastObj` on a stream that carries its metadata symbol. */
class Destination {
  readonly [METADATA] = true;
  lastLevel = 0;
  lastObj: Partial<LogFields> | undefined = undefined;
  readonly #sink: Sink;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  write(line: string): void {
    this.#sink.stdout.write(line);
    if (this.lastLevel >= WARN || this.lastObj?.console === true) this.#sink.console.send(line);
  }
}

function withoutConsole(fields: Record<string, unknown>): Record<string, unknown> {
  return 'console' in fields ? { ...fields, console: undefined } : fields;
}

/** Returns the lowest level that is written. pino fails on one that it does not know. */
function lowestLevel(): string {
  const wanted = process.env['KIOS_LOG_LEVEL'] ?? '';
  return LEVELS.includes(wanted) ? wanted : 'info';
}

/** Creates a logger that writes one JSON object per line: docs/host-api.md §7. */
export function createLogger(agent: string, sink: Partial<Sink> = {}): Logger {
  const socket = sink.console ?? openConsole(process.env['KIOS_CONSOLE'] ?? DEFAULT_CONSOLE);
  const stdout = sink.stdout ?? standardOutput;
  const logger = pino(
    {
      level: lowestLevel(),
      base: { agent },
      // With `err` here pino would repeat the error's message as `msg`.
      errorKey: 'thrown',
      timestamp: () => `,"t":"${new Date().toISOString()}","up":${upSeconds()}`,
      formatters: { level: (lvl) => ({ lvl }), log: withoutConsole },
      serializers: { err: errorFields },
    },
    new Destination({ console: socket, stdout }),
  );
  return {
    debug: (fields) => logger.debug(fields),
    info: (fields) => logger.info(fields),
    warn: (fields) => logger.warn(fields),
    error: (fields) => logger.error(fields),
    close: () => socket.close(),
  };
}
