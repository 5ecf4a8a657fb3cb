export { bundleAgent } from './bundle-agent.ts';
