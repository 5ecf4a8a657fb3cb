const HEADER = 12;

/** Returns a question for the name servers of the root, which every name server answers or refuses. RFC 1035 §4.1. */
export function encodeQuestion(id: number): Uint8Array {
  const message = new Uint8Array(HEADER + 5);
  const view = new DataView(message.buffer);
  view.setUint16(0, id);
  // Recursion desired; one question: the root, type NS, class IN.
  view.setUint16(2, 0x0100);
  view.setUint16(4, 1);
  view.setUint16(HEADER + 1, 2);
  view.setUint16(HEADER + 3, 1);
  return message;
}

/** Returns whether a message is a reply to the question with this id, whatever it says. */
export function isReplyTo(message: Uint8Array, id: number): boolean {
  if (message.length < HEADER) return false;
  const view = new DataView(message.buffer, message.byteOffset);
  return view.getUint16(0) === id && (view.getUint16(2) & 0x8000) !== 0;
}
