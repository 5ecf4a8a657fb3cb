/** Reads standard input as a network file and prints what it says as JSON, for the agent that started this program. */
export async function readNetwork(): Promise<void> {
  // A daemon loads it with the network file alone.
  const { answerParent } = await import('../edge/network/read-network.ts');
  await answerParent();
}
