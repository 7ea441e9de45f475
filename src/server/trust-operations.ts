import type { Deps } from '#app/deps.ts'
import { testTrust } from '#app/identity.ts'
import { createTrust, deleteTrust, listTrusts, showTrust, updateTrust } from '#app/trusts.ts'
import type { AdminApi } from '#contract/admin-api.ts'
import type { Reply } from '#contract/route.ts'
import type { Trust } from '#domain/trust/trust.ts'
import { formatInstant } from '#kernel/instant.ts'
import type { Operating } from './dispatch.ts'
import { pageToWire } from './wire.ts'

type Some<K extends keyof Operating> = Pick<Operating, K>

/** Trusts: who may exchange which identity token for what. */
export const trustOperations = (
  deps: Deps,
): Some<
  'createTrust' | 'listTrusts' | 'showTrust' | 'updateTrust' | 'deleteTrust' | 'testTrust'
> => ({
  async createTrust(input, call) {
    const { trust, warnings } = await createTrust(deps, call, input)
    return { trust: trustToWire(trust), warnings: [...warnings] }
  },
  async listTrusts({ limit, cursor, clientId }) {
    const filter = clientId === undefined ? {} : { clientId }
    return pageToWire(await listTrusts(deps, filter, { limit, cursor }), trustToWire)
  },
  async showTrust({ id }) {
    return trustToWire(await showTrust(deps, id))
  },
  async updateTrust(input, call) {
    const { trust, warnings } = await updateTrust(deps, call, input)
    return { trust: trustToWire(trust), warnings: [...warnings] }
  },
  async deleteTrust({ id }, call) {
    const { trust, revocationId } = await deleteTrust(deps, call, id)
    return {
      trust: trustToWire(trust),
      ...(revocationId === undefined ? {} : { revocationId }),
    }
  },
  async testTrust({ id, token, scopes }) {
    const { grant, claims, conditions, because, ...standing } = await testTrust(deps, {
      id,
      token,
      scopes,
    })
    return {
      ...standing,
      because: [...because],
      claims: claims.map(({ actual, ...line }) =>
        actual === undefined ? line : { ...line, actual },
      ),
      conditions: conditions.map((line) => ({ ...line })),
      ...(grant === undefined
        ? {}
        : {
            grant: {
              clientId: grant.clientId,
              scopes: [...grant.scopes],
              ttlSeconds: grant.ttlSeconds,
            },
          }),
    }
  },
})

type WireTrust = Reply<AdminApi['showTrust']>

const trustToWire = ({ claims, jwks, createdAt, updatedAt, ...trust }: Trust): WireTrust => ({
  ...trust,
  claims: Object.fromEntries(Object.entries(claims).map(([claim, values]) => [claim, [...values]])),
  conditions: [...trust.conditions],
  scopes: [...trust.scopes],
  ...(jwks === undefined ? {} : { jwks: { keys: jwks.keys.map((key) => ({ ...key })) } }),
  createdAt: formatInstant(createdAt),
  updatedAt: formatInstant(updatedAt),
})
