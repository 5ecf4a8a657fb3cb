import type { Readable } from 'node:stream';

import { chunksOf } from '../chunks.ts';

/** A message between the command and its child: one line of JSON, then as many bytes as the line's `length` says. */
export interface Message {
  readonly head: unknown;
  readonly body: Buffer;
}

const NEWLINE = 10;
const LONGEST_HEAD = 64 * 1024;
const LONGEST_BODY = 64 * 1024 * 1024;

/** Encodes a message as the pieces that are to be sent one after the other. */
export const encodeMessage = (head: object, body: Uint8Array = Buffer.alloc(0)): Uint8Array[] => {
  const line = JSON.stringify(body.length === 0 ? head : { ...head, length: body.length });
  return body.length === 0 ? [Buffer.from(`${line}\n`)] : [Buffer.from(`${line}\n`), body];
};

function bodyLength(head: unknown): number {
  if (typeof head !== 'object' || head === null || !('length' in head)) return 0;
  const { length } = head;
  if (
    typeof length === 'number' &&
    Number.isSafeInteger(length) &&
    length >= 0 &&
    length <= LONGEST_BODY
  )
    return length;
  throw new Error('message with an impossible length');
}

/** Yields the messages of a stream. A message that is cut short by the stream's end is dropped. */
export async function* messages(stream: Readable): AsyncGenerator<Message> {
  const chunks = chunksOf(stream);
  let rest: Buffer = Buffer.alloc(0);
  const more = async (): Promise<boolean> => {
    const { value, done } = await chunks.next();
    rest = done === true ? Buffer.alloc(0) : value;
    return done !== true;
  };
  for (;;) {
    let line: Buffer = Buffer.alloc(0);
    let end = rest.indexOf(NEWLINE);
    while (end < 0) {
      line = Buffer.concat([line, rest]);
      if (line.length > LONGEST_HEAD) throw new Error('message without an end');
      if (!(await more())) return;
      end = rest.indexOf(NEWLINE);
    }
    line = Buffer.concat([line, rest.subarray(0, end)]);
    rest = rest.subarray(end + 1);
    const head: unknown = JSON.parse(line.toString());
    const body = Buffer.allocUnsafe(bodyLength(head));
    for (let filled = 0; filled < body.length;) {
      if (rest.length === 0 && !(await more())) return;
      const copied = rest.copy(body, filled);
      rest = rest.subarray(copied);
      filled += copied;
    }
    yield { head, body };
  }
}
