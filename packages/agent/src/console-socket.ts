import type { Socket } from 'node:net';

/** Init cuts longer lines: docs/host-api.md §1. */
const MAX_LINE_BYTES = 1024;
/** The queue for a console that does not read; further lines are dropped. */
const MAX_QUEUED_BYTES = 16 * 1024;
/** The time that `close` waits for the console. */
const GIVE_UP_AFTER_MS = 300;
/** Delay of the first lines: a program does its work before it loads `node:net` for a console that people read. */
const FIRST_LINES_MS = 200;

export interface ConsoleSocket {
  /** Queues one line. Never throws or blocks. */
  send(line: string): void;
  /** Resolves when all lines are sent or a short deadline has passed. */
  close(): Promise<void>;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

function parseObject(text: string): Record<string, unknown> {
  const value: unknown = JSON.parse(text);
  return isObject(value) ? value : {};
}

/** Shortens a line to the console's limit. It stays valid JSON, because programs read the console too. */
export function fitLine(line: string): string {
  const text = line.trimEnd();
  if (Buffer.byteLength(text) <= MAX_LINE_BYTES) return `${text}\n`;
  const { lvl, t, up, agent, ev, err }: Partial<Record<string, unknown>> = parseObject(text);
  const { code, message }: Partial<Record<string, unknown>> = isObject(err) ? err : {};
  const why = typeof message === 'string' ? message.slice(0, 300) : undefined;
  return `${JSON.stringify({ lvl, t, up, agent, ev, err: { code, message: why }, cut: true })}\n`;
}

/** Opens the operator's console through init. It is best effort: an agent works the same without it. */
export function openConsole(path: string): ConsoleSocket {
  let socket: Socket | undefined;
  let opening: Promise<void> | undefined;
  let waiting = '';
  let soon: NodeJS.Timeout | undefined;
  const open = async (): Promise<void> => {
    const { connect } = await import('node:net');
    const opened = connect(path);
    opened.unref();
    const forget = (): void => {
      if (socket === opened) socket = undefined;
    };
    socket = opened.on('error', forget).on('close', forget);
    opening = undefined;
  };
  const handOver = async (): Promise<void> => {
    clearTimeout(soon);
    soon = undefined;
    if (socket === undefined) await (opening ??= open());
    if (waiting !== '') socket?.write(waiting);
    waiting = '';
  };
  return {
    send: (line) => {
      if (waiting.length + (socket?.writableLength ?? 0) >= MAX_QUEUED_BYTES) return;
      waiting += fitLine(line);
      if (socket !== undefined) void handOver();
      else soon ??= setTimeout(() => void handOver(), FIRST_LINES_MS).unref();
    },
    close: async () => {
      if (waiting !== '' || opening !== undefined) await handOver();
      const closing = socket;
      if (closing === undefined) return;
      socket = undefined;
      await new Promise<void>((resolve) => {
        const giveUp = setTimeout(resolve, GIVE_UP_AFTER_MS);
        closing.ref();
        closing.once('close', () => resolve()).end();
        closing.once('close', () => clearTimeout(giveUp));
      });
      closing.destroy();
    },
  };
}
