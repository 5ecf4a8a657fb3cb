import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { certificatesIn, listsIn } from '../formats/signature-lists.ts';

/** The variables of Secure Boot that a machine gets: who may change the keys, who the lists, and what starts. */
export const VARIABLES = ['PK', 'KEK', 'db'] as const;
type Variable = (typeof VARIABLES)[number];

/** From there systemd-boot enrols, in setup mode; by itself only in a virtual machine (loader.conf(5)). */
const ENROLMENT_FOLDER = 'loader/keys/auto';

/** The signed lists of keys that a medium brings, by their place on it. */
export type Enrolment = ReadonlyMap<string, Buffer>;

const refused = (folder: string, why: string, cause?: unknown): KiosError =>
  new KiosError('KIOS_ENROLL', `put the keys of ${folder} on the medium: ${why}`, {
    exitCode: EXIT.config,
    remedy: 'Name a folder of ./kios keys create, and sign with its db.key and db.crt.',
    ...(cause === undefined ? {} : { cause }),
  });

async function readList(folder: string, variable: Variable): Promise<Buffer> {
  try {
    return await readFile(path.join(folder, `${variable}.auth`));
  } catch (cause) {
    throw refused(folder, `${variable}.auth cannot be read`, cause);
  }
}

/** Reads the lists of a folder of keys. Fails when the machine would not start what this certificate signs. */
export async function readEnrolment(folder: string, certificate: Buffer): Promise<Enrolment> {
  const files = new Map<string, Buffer>();
  for (const variable of VARIABLES)
    files.set(`${ENROLMENT_FOLDER}/${variable}.auth`, await readList(folder, variable));
  const db = files.get(`${ENROLMENT_FOLDER}/db.auth`) ?? Buffer.alloc(0);
  if (certificatesIn(listsIn(db)).some((known) => known.equals(certificate))) return files;
  throw refused(folder, 'db.auth does not have the certificate of --sign-cert');
}
