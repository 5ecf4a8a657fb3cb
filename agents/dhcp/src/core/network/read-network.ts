/** The word that makes this program read standard input as a network file, for another instance. */
export const READ_NETWORK = '--read-network';
