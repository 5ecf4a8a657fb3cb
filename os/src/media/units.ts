export const MIB = 1024 * 1024;
/** Bytes that are read, written and compared at a time. */
export const BLOCK = 4 * MIB;
/** Bytes at the start of a disk that are written last: without them neither firmware nor Linux finds anything. */
export const HEAD = MIB;
