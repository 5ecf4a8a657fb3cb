import { readFileSync, readlinkSync } from 'node:fs';

/** Returns the text of a file; empty when it cannot be read, as when its process has ended. */
export const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

/** Returns the target of a link; empty when it cannot be read. */
export const linkOf = (file: string): string => {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
};
