import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

export type Environment = Readonly<Record<string, string | undefined>>

const setting = (env: Environment, name: string): string | undefined => {
  const value = env[name]
  return value === undefined || value === '' ? undefined : value
}

/** Where the embedded authority lives: flag, environment, then the platform's custom. */
export function dataDirectory(env: Environment, flag?: string): string {
  const chosen = flag ?? setting(env, 'CREDCTL_DATA_DIR')
  if (chosen !== undefined) return resolve(chosen)
  const xdg = setting(env, 'XDG_DATA_HOME')
  if (xdg !== undefined) return join(xdg, 'credctl')
  if (process.platform === 'darwin') {
    return join(homedir(), 'Library', 'Application Support', 'credctl')
  }
  return join(homedir(), '.local', 'share', 'credctl')
}

/** Where contexts are kept; they hold no secrets. */
export function configDirectory(env: Environment): string {
  const chosen = setting(env, 'CREDCTL_CONFIG_DIR')
  if (chosen !== undefined) return resolve(chosen)
  return join(setting(env, 'XDG_CONFIG_HOME') ?? join(homedir(), '.config'), 'credctl')
}

export interface AuthorityFiles {
  readonly directory: string
  readonly database: string
  /** How far its feed has come, beside it: an older database put in its place is found out by that. */
  readonly position: string
  readonly keyEncryptionKey: string
  readonly socket: string
  readonly lock: string
  /** There from when a clock was seen being set until an operator has confirmed it. */
  readonly clockStepped: string
}

export const authorityFiles = (directory: string): AuthorityFiles => ({
  directory,
  database: join(directory, 'authority.db'),
  position: join(directory, 'authority.position'),
  keyEncryptionKey: join(directory, 'key-encryption.key'),
  socket: join(directory, 'serve.sock'),
  lock: join(directory, 'serve.lock'),
  clockStepped: join(directory, 'clock-stepped'),
})
