/** Stays, so that other programs can be started in its pod. */
import { readParameters, SCRIPTS } from './scripts.ts';

const { seconds } = readParameters(SCRIPTS.stay);
setTimeout(() => {}, seconds * 1000);
