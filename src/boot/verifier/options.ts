import { hostname } from 'node:os'
import { verifierModes, type VerifierMode } from '#domain/feed/head.ts'
import { refuse } from '#kernel/problem.ts'
import type { GuardOptions, Jwk, VerifierOptions, VerifyOptions } from './types.ts'

/** Options with every default filled in, all of them checked. */
export interface Settled {
  readonly issuer: string
  readonly audiences: readonly string[]
  readonly urls: readonly string[]
  readonly name: string
  readonly mode: VerifierMode
  readonly leewaySeconds: number
  readonly stalenessSeconds: number | undefined
  readonly credential: string | undefined
  readonly snapshotFile: string | undefined
  readonly feedKeys: readonly Jwk[] | undefined
  readonly ca: string | undefined
  readonly signatureCacheSize: number | undefined
}

const LEEWAY_SECONDS_MAX = 2
const NAME_CHARACTERS_MAX = 128
const AUDIENCES_MAX = 32
/** The whole name: 127.example.com is somebody else's. */
const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|\[::1\]|localhost)$/

/** Every option there is: one that was misspelt would leave a server less strict than was meant. */
const OPTIONS: Readonly<Record<keyof VerifierOptions, true>> = {
  issuer: true,
  audience: true,
  url: true,
  name: true,
  mode: true,
  stalenessSeconds: true,
  credential: true,
  snapshotFile: true,
  feedKeys: true,
  leewaySeconds: true,
  ca: true,
  signatureCacheSize: true,
  allowPlainHttp: true,
  onAlarm: true,
  signal: true,
}

/** Refusal: `usage-invalid`. It names the option and never what a secret one held. */
export function settle(options: VerifierOptions): Settled {
  refuseUnknown(options, OPTIONS)
  const { issuer, leewaySeconds = LEEWAY_SECONDS_MAX, mode = 'standard' } = options
  if (typeof issuer !== 'string' || issuer === '') {
    wrong('issuer is the name of the authority', 'give it as `credctl init` printed it')
  }
  if (!verifierModes.includes(mode)) {
    wrong(`mode is one of ${verifierModes.join(', ')}`, 'leave it out for `standard`')
  }
  // A text would be joined to times, and not added to them.
  const isNumber = typeof leewaySeconds === 'number'
  if (!(isNumber && 0 <= leewaySeconds && leewaySeconds <= LEEWAY_SECONDS_MAX)) {
    wrong('leewaySeconds is 0 to 2', 'leave it out: no clock of this machine decides anything')
  }
  const feedKeys = feedKeysOf(options.feedKeys)
  refuseUnlike('onAlarm', options.onAlarm, 'function')
  if (options.signal !== undefined && !isSignal(options.signal)) {
    wrong('signal is an AbortSignal', 'or leave it out')
  }
  return {
    issuer,
    audiences: audiencesOf(options.audience),
    urls: urlsOf(options.url ?? issuer, {
      mayBePlain: options.allowPlainHttp === true,
      isPinned: feedKeys !== undefined,
    }),
    name: (textOf('name', options.name) ?? hostname()).slice(0, NAME_CHARACTERS_MAX) || 'verifier',
    mode,
    leewaySeconds,
    stalenessSeconds: positive('stalenessSeconds', options.stalenessSeconds),
    credential: credentialOf(options.credential),
    snapshotFile: textOf('snapshotFile', options.snapshotFile),
    feedKeys,
    ca: textOf('ca', options.ca),
    signatureCacheSize: positive('signatureCacheSize', options.signatureCacheSize),
  }
}

/**
 * Checks what a decision is to demand. A demand that was misspelt must not become one that everybody
 * meets. Refusal: `usage-invalid`.
 */
export function settleWanted(options: VerifyOptions | GuardOptions): void {
  refuseUnknown(options, WANTED)
  const { scopes, maxAgeSeconds, acr } = options
  for (const [name, list] of Object.entries({ scopes, acr })) {
    if (list !== undefined && !(Array.isArray(list) && list.every(isText))) {
      wrong(`${name} is a list of texts`, `for example ${name}: ['one']`)
    }
  }
  if (maxAgeSeconds !== undefined && !(0 <= maxAgeSeconds && Number.isFinite(maxAgeSeconds))) {
    wrong('maxAgeSeconds is a number of seconds', 'leave it out for no limit')
  }
}

const WANTED: Readonly<Record<keyof VerifyOptions | keyof GuardOptions, true>> = {
  scopes: true,
  maxAgeSeconds: true,
  acr: true,
  proof: true,
  resource: true,
}

function refuseUnknown(options: unknown, known: Readonly<Record<string, true>>): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    wrong('the options are an object', "for example { issuer, audience } or { scopes: ['read'] }")
  }
  for (const name of Object.keys(options as object)) {
    if (Object.hasOwn(known, name)) continue
    wrong(`\`${name.slice(0, 64)}\` is no option`, `there are ${Object.keys(known).join(', ')}`)
  }
}

const isSignal = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'addEventListener' in value

function refuseUnlike(name: string, value: unknown, type: string, shown = `a ${type}`): void {
  if (value !== undefined && typeof value !== type) wrong(`${name} is ${shown}`, 'or leave it out')
}

function textOf(name: string, value: string | undefined): string | undefined {
  refuseUnlike(name, value, 'string', 'a text')
  return value
}

const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''

const wrong = (detail: string, next: string): never => refuse('usage-invalid', detail, { next })

function audiencesOf(audience: unknown): readonly string[] {
  const all: unknown[] = Array.isArray(audience) ? audience : [audience]
  const texts = all.filter((one): one is string => typeof one === 'string' && one !== '')
  if (texts.length === 0 || texts.length !== all.length || AUDIENCES_MAX < texts.length) {
    wrong(
      'audience is what this server is called in tokens',
      "for example 'https://api.example.com'",
    )
  }
  return texts
}

function positive(name: string, value: number | undefined): number | undefined {
  if (value === undefined || (0 < value && Number.isFinite(value))) return value
  return wrong(`${name} is a positive number`, `leave ${name} out for the default`)
}

/** It becomes part of a header, which ends at a line's end. */
function credentialOf(credential: string | undefined): string | undefined {
  if (credential === undefined) return undefined
  if (typeof credential === 'string' && /^[\w.~+/-]+=*$/.test(credential)) return credential
  return wrong(
    'credential is not as `credctl verifier create` printed it',
    'give it without blanks or line ends around it',
  )
}

function feedKeysOf(given: VerifierOptions['feedKeys']): readonly Jwk[] | undefined {
  if (given === undefined) return undefined
  // Every list has a member `keys`, which is a function.
  const keys: unknown = Array.isArray(given) ? given : (given as { keys?: unknown } | null)?.keys
  const isWhole = Array.isArray(keys) && 0 < keys.length && keys.every(isJwk)
  if (isWhole) return keys as readonly Jwk[]
  return wrong(
    'feedKeys are public keys (JWK), each with kid, alg, kty, crv, x and y',
    'give the publicJwk of each: credctl key list --purpose feed -o json',
  )
}

const isJwk = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  ['kid', 'alg', 'kty', 'crv', 'x', 'y'].every(
    (member) => typeof (value as Record<string, unknown>)[member] === 'string',
  )

function urlsOf(
  given: string | readonly string[],
  how: { readonly mayBePlain: boolean; readonly isPinned: boolean },
): readonly string[] {
  const all: readonly unknown[] = Array.isArray(given) ? given : [given]
  if (all.length === 0) wrong('url holds no address', 'leave it out to use the issuer')
  return all.map((text) => urlOf(text, how))
}

function urlOf(
  text: unknown,
  { mayBePlain, isPinned }: { readonly mayBePlain: boolean; readonly isPinned: boolean },
): string {
  const url = typeof text === 'string' ? URL.parse(text) : null
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return wrong('url is an http or https URL', 'for example https://auth.example.com')
  }
  if (url.username !== '' || url.password !== '') {
    wrong('url must not hold a user or password', 'give the credential as `credential`')
  }
  if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname)) {
    // Who is on the way could put himself in the authority's place, for good.
    if (!mayBePlain) wrong('plain http is for loopback only', 'give an https URL')
    if (!isPinned) wrong('plain http needs the keys of the feed pinned', 'give feedKeys')
  }
  return url.origin + url.pathname.replace(/\/$/, '')
}
