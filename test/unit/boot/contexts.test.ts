import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { storedContexts } from '#boot/contexts.ts'
import { refusalOf } from '../world.ts'
import { newFolder } from './data-folder.ts'

const folder = (): string => join(newFolder(), 'config')
const names = async (contexts: ReturnType<typeof storedContexts>): Promise<string[]> =>
  (await contexts.list()).map(({ name }) => name)

describe('contexts on disk', () => {
  it('are added, used and removed, each seen by whoever reads next', async () => {
    const directory = folder()
    const contexts = storedContexts(directory)
    expect([await contexts.list(), await contexts.current()]).toEqual([[], undefined])
    expect(existsSync(directory)).toBe(false)

    await contexts.add({ name: 'prod', server: 'https://auth.example.com', caCert: '/ca.pem' })
    await contexts.add({ name: 'local', dataDir: '/srv/credctl' })
    await contexts.use('prod')
    const others = storedContexts(directory)
    expect(await others.list()).toEqual([
      { name: 'prod', server: 'https://auth.example.com', caCert: '/ca.pem' },
      { name: 'local', dataDir: '/srv/credctl' },
    ])
    expect(await others.current()).toBe('prod')

    await others.remove('local')
    expect([await names(contexts), await contexts.current()]).toEqual([['prod'], 'prod'])
    await others.remove('prod')
    expect([await names(contexts), await contexts.current()]).toEqual([[], undefined])
    expect(readdirSync(directory)).toEqual(['contexts.json'])
    expect(statSync(join(directory, 'contexts.json')).mode & 0o777).toBe(0o600)
  })

  it('of one name are one, and of no name none', async () => {
    const contexts = storedContexts(folder())
    await contexts.add({ name: 'a', dataDir: '/a' })
    expect(await refusalOf(contexts.add({ name: 'a', dataDir: '/b' }))).toMatchObject({
      code: 'context-exists',
    })
    for (const work of [contexts.use('b'), contexts.remove('b')]) {
      expect(await refusalOf(work)).toMatchObject({ code: 'context-unknown' })
    }
    expect(await contexts.list()).toEqual([{ name: 'a', dataDir: '/a' }])
  })

  it.for(['__proto__', 'constructor', 'a.b', 'ü b', ''])('may be called %j', async (name) => {
    const contexts = storedContexts(folder())
    await contexts.add({ name, dataDir: '/a' })
    await contexts.use(name)
    expect([await names(contexts), await contexts.current()]).toEqual([[name], name])
    await contexts.remove(name)
    expect(await contexts.list()).toEqual([])
  })

  it.for([
    '',
    '{',
    'null',
    '[]',
    '7',
    '{"contexts":{}}',
    '{"contexts":[null]}',
    '{"contexts":[{"name":7}]}',
    '{"contexts":[{"name":"a","server":7}]}',
    '{"contexts":[],"current":7}',
  ])('that are damaged (%s) are refused, and left as they are', async (text) => {
    const directory = folder()
    const file = join(directory, 'contexts.json')
    mkdirSync(directory)
    writeFileSync(file, text)
    const contexts = storedContexts(directory)
    const works = [
      contexts.list(),
      contexts.current(),
      contexts.add({ name: 'a', dataDir: '/a' }),
      contexts.use('a'),
      contexts.remove('a'),
    ]
    for (const work of works) {
      const problem = await refusalOf(work)
      expect(problem).toMatchObject({ code: 'configuration-invalid', facts: { file } })
    }
    expect(readFileSync(file, 'utf8')).toBe(text)
  })

  it('that cannot be read are refused', async () => {
    const directory = folder()
    mkdirSync(join(directory, 'contexts.json'), { recursive: true })
    const problem = await refusalOf(storedContexts(directory).list())
    expect(problem.message).toMatch(/EISDIR/)
  })
})
