import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createServer } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { type Certificate, selfSigned } from './certificate.ts'
import { type Home, makeHome, type Server } from './harness.ts'

export const API = 'https://api.example'

/** An authority over loopback TLS, whose issuer is where it listens, as a deployment has it. */
export interface OauthStage {
  readonly home: Home
  readonly server: Server
  readonly issuer: string
  /** A client with a secret. */
  readonly secret: { readonly id: string; readonly secret: string }
  /** A client that signs, and its key. */
  readonly signing: { readonly id: string; readonly privateKey: KeyObject }
}

let made: Certificate | undefined

/**
 * The one certificate of this process, which everything in it that speaks TLS trusts from now on: two of
 * one name would be taken for each other.
 */
export function trusted(): Certificate {
  if (made === undefined) {
    made = selfSigned(new Date())
    setDefaultCACertificates([...getCACertificates('default'), made.cert])
  }
  return made
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

export async function oauthStage(): Promise<OauthStage> {
  const home = await makeHome()
  const certificate = trusted()
  const cert = await home.write('cert.pem', certificate.cert)
  const key = await home.write('key.pem', certificate.key)
  const port = await freePort()
  const issuer = `https://127.0.0.1:${port}`
  await home.json(['init', '--issuer', issuer])
  const create = ['client', 'create', '--scope', 'read,write', '--audience', API]
  const { clientSecret } = await home.json([...create, 'secret-client', '--auth', 'secret'])
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = await home.write('client.pem', publicKey.export({ type: 'spki', format: 'pem' }))
  await home.json([...create, 'signing-client', '--auth', 'private-key-jwt', '--key', pem])
  const listen = ['--listen', `127.0.0.1:${port}`, '--tls-cert', cert, '--tls-key', key]
  const server = await home.serve(listen)
  return {
    home,
    server,
    issuer,
    secret: { id: 'secret-client', secret: clientSecret },
    signing: { id: 'signing-client', privateKey },
  }
}
