import type { Client } from '#domain/client/client.ts'
import type { Revocation } from '#domain/revocation/revocation.ts'
import { refuseBreakGlass, refuseEscalation } from '#domain/issuance/issue.ts'
import { formFacts } from '#domain/trust/forms.ts'
import { lintTrust } from '#domain/trust/lint.ts'
import type { Conditions } from '#domain/trust/conditions.ts'
import type { Trust, TrustForm, TrustMode } from '#domain/trust/trust.ts'
import type { Page, PageRequest } from '#kernel/page.ts'
import { refuse } from '#kernel/problem.ts'
import type { Reading, TrustFilter } from '#store/port.ts'
import { clientOf } from './clients.ts'
import type { Context, Deps } from './deps.ts'
import { record } from './record.ts'
import { revokeForEvent } from './revoke.ts'

export interface TrustRequest {
  readonly id: string
  readonly form: TrustForm
  readonly issuer?: string | undefined
  readonly audience?: string | undefined
  readonly claims: Readonly<Record<string, readonly string[]>>
  readonly conditions: readonly string[]
  readonly clientId: string
  readonly scopes: readonly string[]
  readonly ttlSecondsMax?: number | undefined
  readonly mode: TrustMode
  readonly jwks?: Trust['jwks'] | undefined
  readonly jwksUri?: string | undefined
  readonly allowsPrivate: boolean
}

export interface WrittenTrust {
  readonly trust: Trust
  readonly warnings: readonly string[]
}

/** The trust, or the refusal that names the way to find the right one. */
export const trustOf = async (tx: Reading, id: string): Promise<Trust> =>
  (await tx.findTrust(id)) ??
  refuse('trust-unknown', `no trust ${id.slice(0, 64)} is on record`, {
    next: 'credctl trust list',
  })

/** Records a trust, unless it can never match or lets in whoever takes over a name: `trust-unsound`. */
export async function createTrust(
  deps: Deps,
  context: Context,
  request: TrustRequest,
): Promise<WrittenTrust> {
  const deed = { action: 'trust.create', target: `trust:${request.id}` }
  const conditions = await deps.conditions()
  return record(deps, context, deed, async (tx) => {
    if ((await tx.findTrust(request.id)) !== undefined) {
      refuse('trust-exists', `a trust ${request.id} is on record already`, {
        next: `credctl trust show ${request.id}`,
        facts: { trustId: request.id },
      })
    }
    const client = await clientOf(tx, request.clientId)
    const issuer = (await tx.authority())?.issuer ?? ''
    const now = deps.clock.now()
    const trust: Trust = { ...madeOf(request, issuer), createdAt: now, updatedAt: now }
    const warnings = checked(deps, context, trust, { client, conditions })
    await tx.insertTrust(trust)
    return { result: { trust, warnings }, detail: recorded(trust) }
  })
}

function madeOf(request: TrustRequest, ours: string): Omit<Trust, 'createdAt' | 'updatedAt'> {
  const { id, form, claims, conditions, clientId, scopes, mode, allowsPrivate } = request
  const issuer =
    request.issuer ??
    formFacts[form].issuer ??
    refuse('request-invalid', `identity tokens of form ${form} have no one issuer`, {
      next: 'name it with --issuer',
    })
  return {
    id,
    form,
    issuer,
    audience: request.audience ?? ours,
    claims,
    conditions,
    clientId,
    scopes,
    mode,
    allowsPrivate,
    ...(request.ttlSecondsMax === undefined ? {} : { ttlSecondsMax: request.ttlSecondsMax }),
    ...(request.jwks === undefined ? {} : { jwks: request.jwks }),
    ...(request.jwksUri === undefined ? {} : { jwksUri: request.jwksUri }),
  }
}

/** Whoever writes a trust hands out what it gives, so he must hold it himself. */
function checked(
  deps: Deps,
  { caller }: Context,
  trust: Trust,
  { client, conditions }: { readonly client: Client; readonly conditions: Conditions },
): readonly string[] {
  refuseBreakGlass(client.id, deps.policy, caller.scopes)
  refuseEscalation(trust.scopes, caller.scopes)
  const { refused, warned } = lintTrust(trust, client, conditions)
  const [first] = refused
  if (first === undefined) return warned
  return refuse('trust-unsound', `trust ${trust.id}: ${refused.join('; ')}`, {
    next: 'mend that and try again; `credctl help trusts` shows a sound one for each CI system',
    facts: { trustId: trust.id, faults: refused },
  })
}

const recorded = (trust: Trust): Record<string, unknown> => ({
  issuer: trust.issuer,
  audience: trust.audience,
  claims: trust.claims,
  conditions: trust.conditions,
  clientId: trust.clientId,
  scopes: trust.scopes,
  mode: trust.mode,
  pinned: trust.jwks !== undefined,
})

export type TrustChange = { readonly id: string } & {
  readonly [K in Exclude<keyof TrustRequest, 'id' | 'form' | 'clientId'>]?:
    | TrustRequest[K]
    | undefined
}

export async function updateTrust(
  deps: Deps,
  context: Context,
  { id, ...change }: TrustChange,
): Promise<WrittenTrust> {
  const deed = { action: 'trust.update', target: `trust:${id}` }
  const conditions = await deps.conditions()
  return record(deps, context, deed, async (tx) => {
    const before = await trustOf(tx, id)
    const client = await clientOf(tx, before.clientId)
    const given = Object.fromEntries(
      Object.entries(change).filter(([, value]) => value !== undefined),
    )
    const trust: Trust = { ...before, ...given, updatedAt: deps.clock.now() }
    const warnings = checked(deps, context, trust, { client, conditions })
    await tx.updateTrust(trust)
    return {
      result: { trust, warnings },
      detail: { before: recorded(before), after: recorded(trust) },
    }
  })
}

export interface TrustEnded {
  readonly trust: Trust
  readonly revocationId?: string
}

/** Removes a trust, and revokes in the same transaction what was issued under it. */
export function deleteTrust(deps: Deps, context: Context, id: string): Promise<TrustEnded> {
  const deed = { action: 'trust.delete', target: `trust:${id}` }
  return record<TrustEnded>(deps, context, deed, async (tx) => {
    const trust = await trustOf(tx, id)
    const revocation: Revocation | undefined = await revokeForEvent(deps, context, tx, {
      trusts: [id],
    })
    await tx.deleteTrust(id)
    return {
      result: revocation === undefined ? { trust } : { trust, revocationId: revocation.id },
      detail: { revocationId: revocation?.id ?? null, ...recorded(trust) },
    }
  })
}

export const listTrusts = (
  { store }: Deps,
  filter: TrustFilter,
  page: PageRequest,
): Promise<Page<Trust>> => store.read((tx) => tx.listTrusts(filter, page))

export const showTrust = ({ store }: Deps, id: string): Promise<Trust> =>
  store.read((tx) => trustOf(tx, id))
