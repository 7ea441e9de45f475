import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
  scrypt,
  scryptSync,
  sign,
  verify,
} from 'node:crypto'
import type { KeyAlgorithm } from '#domain/keys/key.ts'
import { decodeBase64url, encodeBase64url } from '#kernel/base64url.ts'
import { refuse } from '#kernel/problem.ts'
import { createClientKeys } from './client-keys.ts'
import type { GeneratedKey, PublicJwk, Signer } from './port.ts'

/** The key-encryption key's length, bytes: AES-256. */
export const KEY_ENCRYPTION_KEY_BYTES = 32

/** Public keys that are kept read; an authority has a handful. */
const PUBLIC_KEYS_MAX = 256
const SEAL_VERSION = 1
const IV_BYTES = 12
const TAG_BYTES = 16
const P256_SIGNATURE_BYTES = 64
/** N = 2¹⁵, r = 8, p = 1: about 35 ms, which only an imported secret is worth. */
const SCRYPT_BYTES = 32
const SCRYPT = { N: 32_768, r: 8, p: 1, maxmem: 64 * 1024 * 1024 }

/**
 * The signer on `node:crypto`. The key-encryption key is asked for only when a private key is made
 * or opened, so that commands which do neither run without it.
 */
export function createNodeSigner(keyEncryptionKey: () => Uint8Array): Signer {
  const opened = new Map<string, KeyObject>()
  const publicKeys = new Map<string, KeyObject | null>()
  const clientKeys = createClientKeys()
  let secretsKey: Uint8Array | undefined

  const privateKey = (keyId: string, sealed: Uint8Array): KeyObject => {
    const known = opened.get(keyId)
    if (known !== undefined) return known
    const key = unseal(keyEncryptionKey(), keyId, sealed)
    opened.set(keyId, key)
    return key
  }
  const publicKey = (jwk: PublicJwk): KeyObject | null => {
    const name = JSON.stringify(jwk)
    const known = publicKeys.get(name)
    if (known !== undefined) return known
    const key = importPublic(jwk)
    if (PUBLIC_KEYS_MAX <= publicKeys.size) publicKeys.clear()
    publicKeys.set(name, key)
    return key
  }

  return {
    generate: (algorithm, keyId) => generate(keyEncryptionKey(), algorithm, keyId),
    sign: (keyId, sealed, message) =>
      sign('sha256', message, { key: privateKey(keyId, sealed), dsaEncoding: 'ieee-p1363' }),
    open(keyId, sealed) {
      privateKey(keyId, sealed)
    },
    verify(jwk, message, signature) {
      const key = publicKey(jwk)
      if (key === null || signature.length !== P256_SIGNATURE_BYTES) return false
      return verify('sha256', message, { key, dsaEncoding: 'ieee-p1363' }, signature)
    },
    sealText: (name, text) =>
      encodeBase64url(encrypt(keyEncryptionKey(), TEXTS, name, Buffer.from(text))),
    openText: (name, sealed) =>
      decrypt(
        keyEncryptionKey(),
        TEXTS,
        name,
        decodeBase64url(sealed) ?? new Uint8Array(0),
      ).toString(),
    hashSecret: (secret) =>
      createHmac('sha256', (secretsKey ??= derived(keyEncryptionKey(), 'credctl client secrets')))
        .update(secret)
        .digest(),
    hashImportedSecret: (secret, salt) => scryptSync(secret, salt, SCRYPT_BYTES, SCRYPT),
    hashImportedSecretAside: (secret, salt) =>
      new Promise((done, fail) => {
        scrypt(secret, salt, SCRYPT_BYTES, SCRYPT, (failure, hash) =>
          failure === null ? done(hash) : fail(failure),
        )
      }),
    verifyClientKey: clientKeys.verify,
  }
}

function generate(master: Uint8Array, algorithm: KeyAlgorithm, keyId: string): GeneratedKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { kty = '', crv = '', x = '', y = '' } = publicKey.export({ format: 'jwk' })
  return {
    publicJwk: { kty, crv, x, y, alg: algorithm, use: 'sig', kid: keyId },
    sealed: seal(master, keyId, privateKey),
  }
}

const KEYS = 'credctl signing keys'
const TEXTS = 'credctl sealed texts'

function seal(master: Uint8Array, keyId: string, key: KeyObject): Uint8Array {
  const plain = key.export({ format: 'der', type: 'pkcs8' })
  const sealed = encrypt(master, KEYS, keyId, plain)
  plain.fill(0)
  return sealed
}

function unseal(master: Uint8Array, keyId: string, sealed: Uint8Array): KeyObject {
  const plain = decrypt(master, KEYS, keyId, sealed)
  const key = createPrivateKey({ key: plain, format: 'der', type: 'pkcs8' })
  plain.fill(0)
  return key
}

/** AES-256-GCM, with the name as associated data: what is sealed cannot be passed for another. */
function encrypt(master: Uint8Array, purpose: string, name: string, plain: Uint8Array): Buffer {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', derived(master, purpose), iv)
  cipher.setAAD(Buffer.from(name))
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([Buffer.from([SEAL_VERSION]), iv, cipher.getAuthTag(), sealed])
}

function decrypt(master: Uint8Array, purpose: string, name: string, sealed: Uint8Array): Buffer {
  const iv = sealed.subarray(1, 1 + IV_BYTES)
  const tag = sealed.subarray(1 + IV_BYTES, 1 + IV_BYTES + TAG_BYTES)
  try {
    const options = { authTagLength: TAG_BYTES }
    const decipher = createDecipheriv('aes-256-gcm', derived(master, purpose), iv, options)
    decipher.setAAD(Buffer.from(name))
    decipher.setAuthTag(tag)
    const rest = sealed.subarray(1 + IV_BYTES + TAG_BYTES)
    return Buffer.concat([decipher.update(rest), decipher.final()])
  } catch {
    return refuse('key-locked', `the key-encryption key does not open ${name}`, {
      next: 'bring back the key-encryption key that belongs to this database, or restore a backup of both',
      facts: { name },
    })
  }
}

const derived = (master: Uint8Array, purpose: string): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', master, new Uint8Array(0), purpose, KEY_ENCRYPTION_KEY_BYTES))

/** Only P-256 keys for signatures pass (RFC 7517 §4.2, §4.3); one of another kind verifies nothing. */
function importPublic(jwk: Readonly<Record<string, unknown>>): KeyObject | null {
  const { kty, crv, use = 'sig', key_ops: operations = ['verify'] } = jwk
  if (kty !== 'EC' || crv !== 'P-256' || use !== 'sig') return null
  if (!Array.isArray(operations) || !operations.includes('verify')) return null
  try {
    return createPublicKey({ key: { ...jwk }, format: 'jwk' })
  } catch {
    return null
  }
}
