import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { authorityFiles, configDirectory, dataDirectory } from '#boot/paths.ts'

describe('the data folder', () => {
  it('is the flag’s, then the environment’s, then the platform’s custom', () => {
    const env = { CREDCTL_DATA_DIR: '/env', XDG_DATA_HOME: '/xdg' }
    expect(dataDirectory(env, '/flag')).toBe('/flag')
    expect(dataDirectory(env)).toBe('/env')
    expect(dataDirectory({ ...env, CREDCTL_DATA_DIR: '' })).toBe('/xdg/credctl')
    expect(dataDirectory(env, 'here')).toBe(resolve('here'))
    expect(dataDirectory({ CREDCTL_DATA_DIR: './here' })).toBe(resolve('here'))
  })

  it.runIf(process.platform === 'linux')('is under the home where nothing is said', () => {
    const home = join(homedir(), '.local', 'share', 'credctl')
    expect([dataDirectory({}), dataDirectory({ XDG_DATA_HOME: '' })]).toEqual([home, home])
  })

  it('holds everything of one authority', () => {
    expect(Object.values(authorityFiles('/d')).map(String).toSorted()).toEqual([
      '/d',
      '/d/authority.db',
      '/d/authority.position',
      '/d/clock-stepped',
      '/d/key-encryption.key',
      '/d/serve.lock',
      '/d/serve.sock',
    ])
  })
})

it('the folder of the contexts is the environment’s, then the platform’s custom', () => {
  expect(configDirectory({ CREDCTL_CONFIG_DIR: '/c', XDG_CONFIG_HOME: '/xdg' })).toBe('/c')
  expect(configDirectory({ CREDCTL_CONFIG_DIR: '', XDG_CONFIG_HOME: '/xdg' })).toBe('/xdg/credctl')
  expect(configDirectory({})).toBe(join(homedir(), '.config', 'credctl'))
})
