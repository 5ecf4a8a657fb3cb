import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const FOLDER = path.join(import.meta.dirname, '../../vectors');

export const vectorFiles = (): string[] => readdirSync(FOLDER);

export const vectorNames = (): string[] =>
  vectorFiles().flatMap((file) => (file.endsWith('.yaml') ? [file.slice(0, -'.yaml'.length)] : []));

export const readVector = (file: string): string => readFileSync(path.join(FOLDER, file), 'utf8');
