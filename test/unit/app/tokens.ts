import { createWorld, type TestWorld } from '../world.ts'

export interface Token {
  readonly token: string
  readonly id: string
}

/** Two clients with two tokens each: `a` for deploys, `b` for reading. */
export async function withTokens(): Promise<{ world: TestWorld; a: Token[]; b: Token[] }> {
  const world = await createWorld()
  const { admin } = world
  await admin.createClient({ id: 'a', scopes: ['deploy:prod', 'deploy:dev'] })
  await admin.createClient({ id: 'b', scopes: ['read'], audiences: ['https://b.example'] })
  const issue = async (clientId: string, tags: Record<string, string>): Promise<Token[]> => {
    const { items } = await admin.issueTokens({
      clientId,
      count: 2,
      subject: `${clientId}-job`,
      tags,
    })
    return items.map(({ token, credential }) => ({ token, id: credential.id }))
  }
  return {
    world,
    a: await issue('a', { team: 'x' }),
    b: await issue('b', { team: 'x', env: 'eu' }),
  }
}

const verdictOf = async ({ admin }: TestWorld, { token }: Token): Promise<string> =>
  (await admin.verifyToken({ token })).verdict
export const verdicts = (world: TestWorld, tokens: Token[]): Promise<string[]> =>
  Promise.all(tokens.map((token) => verdictOf(world, token)))
export const stateOf = async ({ admin }: TestWorld, { id }: Token): Promise<string> =>
  (await admin.showCredential({ id })).state
