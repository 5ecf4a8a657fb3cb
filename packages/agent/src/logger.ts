import { readFileSync, writeSync } from 'node:fs';

import { type ConsoleSocket, openConsole } from './console-socket.ts';
import { errorCode } from './errno.ts';
import { errorFields } from './error-fields.ts';

const DEFAULT_CONSOLE = '/run/kios/control/console.sock';
const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
const FULL_PIPE_WAIT_MS = 10;

type Level = (typeof LEVELS)[number];
type LogFn = (fields: LogFields) => void;

/** One event. `ev` names it; `console: true` shows the line to the operator too, as every warning and error is. */
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
  /** Hands over what is still on its way to the console; waits a fraction of a second at most. */
  close(): Promise<void>;
}

interface Sink {
  readonly console: ConsoleSocket;
  readonly stdout: { write: (line: string) => unknown };
}

/** Seconds of CLOCK_BOOTTIME: what orders lines while the wall clock still jumps. */
function bootSeconds(): number {
  try {
    return Number(readFileSync('/proc/uptime', 'latin1').split(' ', 1)[0]);
  } catch {
    return 0;
  }
}

/**
 * Writes before it returns, so that the last line of a process that dies is out. A reader that has gone must not end
 * the agent.
 */
function writeStdout(line: string): void {
  for (let rest = Buffer.from(line); rest.length > 0;) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if (errorCode(error) !== 'EAGAIN') return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_WAIT_MS);
    }
  }
}

function formatLine(agent: string, lvl: Level, fields: LogFields): string {
  const head = { lvl, t: new Date().toISOString(), up: bootSeconds(), agent };
  const err = 'err' in fields ? { err: errorFields(fields.err) } : {};
  return `${JSON.stringify({ ...head, ...fields, ...err, console: undefined })}\n`;
}

/**
 * A logger that writes one JSON object a line: docs/host-api.md §7. A library would take longer to load than an agent
 * has until its first packet.
 */
export function createLogger(agent: string, sink: Partial<Sink> = {}): Logger {
  const socket = sink.console ?? openConsole(process.env['KIOS_CONSOLE'] ?? DEFAULT_CONSOLE);
  const stdout = sink.stdout ?? { write: writeStdout };
  const wanted = process.env['KIOS_LOG_LEVEL'];
  const least = LEVELS.findIndex((level) => level === wanted);
  const logAt = (level: Level): LogFn => {
    const rank = LEVELS.indexOf(level);
    if (rank < (least === -1 ? LEVELS.indexOf('info') : least)) return () => undefined;
    return (fields) => {
      const line = formatLine(agent, level, fields);
      stdout.write(line);
      if (rank >= LEVELS.indexOf('warn') || fields.console === true) socket.send(line);
    };
  };
  return {
    debug: logAt('debug'),
    info: logAt('info'),
    warn: logAt('warn'),
    error: logAt('error'),
    close: () => socket.close(),
  };
}
