/** Takes all that a pod can take of one thing, and returns how much that was. */
export type Bomb = () => string;

/** Stops this thread, without taking processor time. */
export const pause = (ms: number): void =>
  void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
