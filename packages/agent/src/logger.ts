import { readFileSync, writeSync } from 'node:fs';

import { errorCode } from '@kios/errors';

import { type ConsoleSocket, openConsole } from './console-socket.ts';
import { errorFields } from './error-fields.ts';

const DEFAULT_CONSOLE = '/run/kios/control/console.sock';
const STDOUT = 1;
/** The wait before another try to write to a full pipe, in milliseconds. */
const FULL_PIPE_MS = 10;

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
type Level = (typeof LEVELS)[number];
const RANK = { info: 1, warn: 2 } as const;
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

interface Sink {
  readonly console: ConsoleSocket;
  readonly stdout: { write: (line: string) => unknown };
}

/** Returns the seconds of CLOCK_BOOTTIME, which order lines while the wall clock still jumps. */
function bootSeconds(): number {
  try {
    return Number.parseFloat(readFileSync('/proc/uptime', 'latin1'));
  } catch {
    return 0;
  }
}

/** Returns the rank of the lowest level that is written. */
function lowestRank(): number {
  const rank = LEVELS.findIndex((level) => level === process.env['KIOS_LOG_LEVEL']);
  return rank < 0 ? RANK.info : rank;
}

function formatLine(lvl: Level, agent: string, given: LogFields): string {
  const { console: _, ...fields } = given;
  const head = { lvl, t: new Date().toISOString(), up: bootSeconds(), agent };
  const shown = 'err' in fields ? { ...fields, err: errorFields(fields.err) } : fields;
  try {
    return `${JSON.stringify({ ...head, ...shown })}\n`;
  } catch (err) {
    // A value without a form in JSON: the event counts more than its fields.
    return `${JSON.stringify({ ...head, ev: fields.ev, err: errorFields(err) })}\n`;
  }
}

const pause = (ms: number): unknown =>
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

/** Writes to standard output before it returns: the last line of an agent that is about to be killed counts most. */
const stdout = {
  write(line: string): void {
    let rest: Uint8Array = Buffer.from(line);
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(STDOUT, rest));
      } catch (error) {
        // Without a reader, or on a full disk, the agent goes on without its log.
        if (errorCode(error) !== 'EAGAIN') return;
        pause(FULL_PIPE_MS);
      }
    }
  },
};

/**
 * Creates a logger that writes one JSON object per line: docs/host-api.md §7. It is our own because it stands before an
 * agent's first work: a logging library took three fifths of the instructions up to the first line.
 */
export function createLogger(agent: string, sink: Partial<Sink> = {}): Logger {
  const socket = sink.console ?? openConsole(process.env['KIOS_CONSOLE'] ?? DEFAULT_CONSOLE);
  const out = sink.stdout ?? stdout;
  const lowest = lowestRank();
  const at = (level: Level): LogFn => {
    const rank = LEVELS.indexOf(level);
    if (rank < lowest) return () => undefined;
    return (fields) => {
      const line = formatLine(level, agent, fields);
      out.write(line);
      if (rank >= RANK.warn || fields.console === true) socket.send(line);
    };
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    close: () => socket.close(),
  };
}
