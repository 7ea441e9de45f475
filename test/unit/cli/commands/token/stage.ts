import type { IssuedToken } from '#cli/commands/shapes.ts'
import { type CliWorld, cliWorld } from '../../world.ts'

export const AUDIENCE = 'https://api.example'

export interface Stage extends CliWorld {
  /** Of client `bot`, scopes `deploy:prod read`, for ten minutes. */
  readonly issued: IssuedToken
  readonly token: string
  readonly id: string
}

/** A client `bot` in a world of its own, and one token that it was given. */
export async function stage(): Promise<Stage> {
  const made = await cliWorld()
  const { admin } = made.world
  await admin.createClient({
    id: 'bot',
    scopes: ['deploy:prod', 'read'],
    audiences: [AUDIENCE, 'https://b.example'],
  })
  const { items } = await admin.issueTokens({ clientId: 'bot', tags: { run: '7' } })
  const [issued] = items
  if (issued === undefined) throw new Error('no token was issued')
  return { ...made, issued, token: issued.token, id: issued.credential.id }
}
