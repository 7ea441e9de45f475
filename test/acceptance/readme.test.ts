import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { makeHome, root } from './harness.ts'
import { mustBeDiscreet } from './story.ts'

/** The shell blocks of the README that can be run as they stand: all but those that say they cannot. */
const blocks = [
  ...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^```sh([^\n]*)\n(.*?)^```$/gms),
]
  .filter(([, mark = '']) => !mark.includes('no-test'))
  .map(([, , script = '']) => script)

it('the README’s blocks work in their order on a new machine, and end as it says', async () => {
  const [install = '', ...shown] = blocks
  // The one block that needs the network, and this very checkout.
  expect(install).toMatch(/^npm ci/)
  expect(shown.length).toBeGreaterThan(3)
  const home = await makeHome()
  for (const script of shown) {
    const ran = await home.shell(script)
    expect(ran.status, `${script}\n${ran.err}`).toBe(0)
    mustBeDiscreet(ran, [])
    if (!script.includes('credctl revoke')) continue
    // From here on, says the README.
    expect(await home.shell('credctl token verify - < token.txt')).toMatchObject({
      status: 1,
      out: expect.stringMatching(/revoked[^]*testing[^]*ask #security/),
    })
  }
  expect(await home.shell('credctl token verify - < token.txt')).toMatchObject({ status: 0 })
  const { items } = await home.json(['key', 'list', '--purpose', 'token'])
  expect(items).toHaveLength(2)
})

it('the quickstart is over soon, ends well, and leaves nothing behind', async () => {
  const home = await makeHome()
  const ran = await home.run(['quickstart'])
  expect(ran).toMatchObject({ status: 0, err: '' })
  expect(ran.out).toMatch(/revoked/)
  expect(ran.out).toMatch(/The throw-away authority is gone\./)
  mustBeDiscreet(ran, [])
  expect(readdirSync(home.tmp)).toEqual([])
  expect(readdirSync(home.directory).toSorted()).toEqual(['bin', 'tmp'])
})

it('the quickstart as JSON is a list of what was run, and --keep keeps what it made', async () => {
  const home = await makeHome()
  const { items } = await home.json(['quickstart'])
  expect(items).toHaveLength(12)
  for (const { command, exitStatus } of items) {
    expect(command).toMatch(/^credctl /)
    expect([0, 1]).toContain(exitStatus)
  }
  expect(readdirSync(home.tmp)).toEqual([])

  const { out } = await home.run(['quickstart', '--keep'])
  const [, dataDir = ''] = /export CREDCTL_DATA_DIR=(\S+)/.exec(out) ?? []
  expect(await home.json(['key', 'list', '--data-dir', dataDir])).toMatchObject({
    nextCursor: null,
  })
})
