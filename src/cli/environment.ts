import type { Client } from '../client/client.ts'

/** The environment that `-e` names, else the first of the pipeline. */
export async function chooseEnvironment(client: Client, named: unknown): Promise<string> {
  if (typeof named === 'string') return named
  const { environments } = await client.pipelines.get()
  return environments[0]!
}
