import { adminScopes } from '#domain/client/admin-scopes.ts'
import { readAsked } from '#domain/oauth/asked.ts'
import { refuse } from '#kernel/problem.ts'
import type { GrantType } from './grants.ts'

/** RFC 6749 §4.4: a client asks for itself, and gets what it is registered for. */
export const clientCredentials: GrantType = {
  name: 'client_credentials',
  needsClient: true,
  async begin(_, { form }) {
    const asked = readAsked(form)
    return async (_tx, { client }) => {
      if (client === undefined) return refuse('internal', 'no client authenticated')
      // Its registration bounds it, and whoever registered it had to hold what it may ask for. It is
      // no administrator of the machine, so what is kept for those (break-glass) stays out of reach.
      const held = [...adminScopes, ...(asked.scopes ?? client.scopes)]
      return { client, order: { ...asked, tags: {}, held } }
    }
  },
}
